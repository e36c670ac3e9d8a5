import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import type { ArrowKind } from './arrow-schema.ts'
import {
  binary,
  boolean,
  i32,
  list,
  readInt,
  readList,
  readStruct,
  readText,
  struct,
  THRIFT,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts'

/*
 * The schema of a Parquet file, and the one that the engine gets in its place. The engine reads some types as others than
 * they are meant, and tells no names apart by case: it gets names of ours, and types that it reads faithfully.
 */

export const PHYSICAL = { int32: 1, int64: 2, int96: 3, float: 4, double: 5, bytes: 6, fixedBytes: 7 } as const
const REPEATED = 2
const ELEMENT = {
  type: 1,
  typeLength: 2,
  repetition: 3,
  name: 4,
  childCount: 5,
  convertedType: 6,
  precision: 8,
  logicalType: 10,
} as const
const CONVERTED = {
  map: 1,
  mapKeyValue: 2,
  list: 3,
  timeMillis: 7,
  timeMicros: 8,
  timestampMillis: 9,
  timestampMicros: 10,
  interval: 21,
} as const
const LOGICAL = { map: 2, list: 3, time: 7, timestamp: 8, variant: 16, geometry: 17, geography: 18 } as const
const UNIT = { millis: 1, micros: 2 } as const
const MAX_DECIMAL_PRECISION = 38
const MAX_DEPTH = 100
const MAX_ELEMENTS = 10_000
/** Of a column's name, in a message. */
const SHOWN_CHARS = 100

/** What a leaf is meant as, where the engine's own type does not tell. */
export type Meaning = 'instant' | 'INT96' | 'GEOMETRY' | ArrowKind | undefined

/** A column of values: what a group with the annotation VARIANT holds is one as well. */
export interface Leaf {
  /** The name of the file's column that it is in. */
  readonly column: string
  readonly meaning: Meaning
  /** Undefined of a VARIANT. */
  readonly physicalType: number | undefined
  /** Bytes of a value, where all have as many. */
  readonly width: number | undefined
  /** The largest level is not 0: pages hold levels of this sort. */
  readonly hasRepetitionLevels: boolean
  readonly hasDefinitionLevels: boolean
}

export interface SourceSchema {
  /** By the numbers in the engine's names. */
  readonly names: readonly string[]
  /** Columns of values, in the engine's order. */
  readonly leaves: readonly Leaf[]
  /** Column chunks, in the file's order. */
  readonly chunks: readonly Leaf[]
  /** The schema for the engine. */
  readonly rewritten: ThriftValue
}

/** The name that the engine knows a schema element by, and the number in it. */
export const engineName = (index: number): string => `n${index}`
export const indexOfEngineName = (name: string): number => Number(name.slice(1))

/** @throws ThriftError */
export const countLeaves = (schema: ThriftValue | undefined): number =>
  readList(schema).filter(element => readStruct(element).has(ELEMENT.type)).length

/** Of a schema that nobody has looked at yet. @throws ThriftError, PgError */
export function columnNamesOf(schema: ThriftValue | undefined): string[] {
  const elements = readList(schema, MAX_ELEMENTS).map(readStruct)
  const names: string[] = []
  /** Of the groups that are open, how many children are still to come. */
  const open: number[] = []
  for (const element of elements) {
    if (open.length === 1) names.push(readText(element.get(ELEMENT.name)))
    if (open.length > 0) open.push((open.pop() as number) - 1)
    const children = readInt(element.get(ELEMENT.childCount)) ?? 0
    if (children > 0) open.push(children)
    while (open.at(-1) === 0) open.pop()
  }
  if (open.length > 0) throw noTree()
  return names
}

/** @param arrowKinds what Arrow's own schema says of the leaves, if the file has one @throws ThriftError, PgError */
export function readSchema(schema: ThriftValue | undefined, arrowKinds: readonly ArrowKind[]): SourceSchema {
  const elements = readList(schema).map(readStruct)
  const leaves: Leaf[] = []
  const chunks: Leaf[] = []
  let next = 0
  let emptyGroup: string | undefined

  const visit = (parent: ThriftStruct | undefined, within: Place): void => {
    const index = next++
    const element = elements[index]
    if (element === undefined || within.depth > MAX_DEPTH) throw noTree()
    const place = parent === undefined ? within : placeBelow(within, names[index] as string, element)
    const children = readInt(element.get(ELEMENT.childCount)) ?? 0
    const isGroup = !element.has(ELEMENT.type)
    if (isGroup) {
      if (children === 0) emptyGroup ??= place.column
      const isVariant = !place.inVariant && logicalTypeOf(element)?.has(LOGICAL.variant) === true
      if (isVariant) leaves.push({ ...place, meaning: undefined, physicalType: undefined, width: undefined })
      if (children > elements.length) throw noTree()
      adaptGroup(element, elements[index + 1], parent)
      for (let i = 0; i < children; i++) visit(element, { ...place, inVariant: place.inVariant || isVariant })
    } else {
      const leaf = adaptLeaf(element, place, arrowKinds[chunks.length])
      chunks.push(leaf)
      if (!place.inVariant) leaves.push(leaf)
    }
    // The engine finds the parts of a VARIANT by their names.
    if (!place.inVariant) element.set(ELEMENT.name, binary(engineName(index)))
  }

  const names = elements.map(element => readText(element.get(ELEMENT.name)))
  visit(undefined, { column: '', depth: 0, inVariant: false, hasRepetitionLevels: false, hasDefinitionLevels: false })
  if (next !== elements.length) throw noTree()
  if (chunks.length === 0) throw noColumns()
  if (emptyGroup !== undefined) throw noFields(emptyGroup)
  return { names, leaves, chunks, rewritten: list(THRIFT.struct, elements.map(struct)) }
}

interface Place extends Pick<Leaf, 'column' | 'hasRepetitionLevels' | 'hasDefinitionLevels'> {
  readonly depth: number
  readonly inVariant: boolean
}

function placeBelow(place: Place, name: string, element: ThriftStruct): Place {
  const repetition = readInt(element.get(ELEMENT.repetition)) ?? 0
  return {
    column: place.depth === 0 ? name.slice(0, SHOWN_CHARS) : place.column,
    depth: place.depth + 1,
    inVariant: place.inVariant,
    hasRepetitionLevels: place.hasRepetitionLevels || repetition === REPEATED,
    hasDefinitionLevels: place.hasDefinitionLevels || repetition > 0,
  }
}

const logicalTypeOf = (element: ThriftStruct): ThriftStruct | undefined =>
  element.has(ELEMENT.logicalType) ? readStruct(element.get(ELEMENT.logicalType)) : undefined

/** A map without values is a list of its keys; MAP_KEY_VALUE was once another word for MAP. */
function adaptGroup(
  element: ThriftStruct,
  firstChild: ThriftStruct | undefined,
  parent: ThriftStruct | undefined,
): void {
  const converted = readInt(element.get(ELEMENT.convertedType))
  const isRepeated = readInt(element.get(ELEMENT.repetition)) === REPEATED
  const isMap =
    converted === CONVERTED.map ||
    (converted === CONVERTED.mapKeyValue && !isRepeated) ||
    logicalTypeOf(element)?.has(LOGICAL.map) === true
  if (!isMap || parent === undefined) return
  const isList = readInt(firstChild?.get(ELEMENT.childCount)) === 1
  element.set(ELEMENT.convertedType, i32(isList ? CONVERTED.list : CONVERTED.map))
  element.delete(ELEMENT.logicalType)
  if (isList) firstChild?.delete(ELEMENT.convertedType)
}

function adaptLeaf(element: ThriftStruct, place: Place, arrowKind: ArrowKind): Leaf {
  const physicalType = readInt(element.get(ELEMENT.type))
  if ((readInt(element.get(ELEMENT.precision)) ?? 0) > MAX_DECIMAL_PRECISION) throw numbersTooPrecise(place.column)
  const meaning = adaptType(element, physicalType, arrowKind)
  return { ...place, meaning, physicalType, width: widthOf(physicalType, element) }
}

function adaptType(element: ThriftStruct, physicalType: number | undefined, arrowKind: ArrowKind): Meaning {
  const logical = logicalTypeOf(element)
  const converted = readInt(element.get(ELEMENT.convertedType))
  if (physicalType === PHYSICAL.int96) {
    // Twelve bytes in three numbers: it is an interval that the engine reads as it is.
    element.set(ELEMENT.type, i32(PHYSICAL.fixedBytes)).set(ELEMENT.typeLength, i32(12))
    element.set(ELEMENT.convertedType, i32(CONVERTED.interval)).delete(ELEMENT.logicalType)
    return 'INT96'
  }
  if (logical?.has(LOGICAL.geometry) || logical?.has(LOGICAL.geography)) {
    element.delete(ELEMENT.logicalType)
    return 'GEOMETRY'
  }
  for (const kind of [LOGICAL.time, LOGICAL.timestamp]) {
    if (!logical?.has(kind)) continue
    const fields = readStruct(logical.get(kind))
    if (fields.get(1)?.type !== THRIFT.true) return undefined
    setLocal(element, kind, fields.get(2) as ThriftValue)
    return 'instant'
  }
  if (logical === undefined && converted !== undefined) {
    const { timeMillis, timeMicros, timestampMillis, timestampMicros } = CONVERTED
    const isTime = converted === timeMillis || converted === timeMicros
    const isTimestamp = converted === timestampMillis || converted === timestampMicros
    if (!isTime && !isTimestamp) return undefined
    const unit = converted === timeMillis || converted === timestampMillis ? UNIT.millis : UNIT.micros
    const noFields = struct(new Map())
    setLocal(element, isTime ? LOGICAL.time : LOGICAL.timestamp, struct(new Map([[unit, noFields]])))
    return 'instant'
  }
  return converted === undefined && logical === undefined ? arrowKind : undefined
}

/** The engine would lose nanoseconds of what is adjusted to UTC. */
function setLocal(element: ThriftStruct, kind: number, unit: ThriftValue): void {
  const fields: ThriftStruct = new Map([
    [1, boolean(false)],
    [2, unit],
  ])
  element.set(ELEMENT.logicalType, struct(new Map([[kind, struct(fields)]]))).delete(ELEMENT.convertedType)
}

function widthOf(physicalType: number | undefined, element: ThriftStruct): number | undefined {
  switch (physicalType) {
    case PHYSICAL.int32:
    case PHYSICAL.float:
      return 4
    case PHYSICAL.int64:
    case PHYSICAL.double:
      return 8
    case PHYSICAL.fixedBytes:
      return readInt(element.get(ELEMENT.typeLength))
    default:
      return undefined
  }
}

const noTree = (): PgError =>
  new PgError({
    message: 'azure_storage: the blob is not a valid Parquet file',
    code: SQLSTATE.badCopyFileFormat,
    detail: 'Its schema is no tree.',
  })

const noColumns = (): PgError =>
  new PgError({ message: 'azure_storage: the Parquet file has no columns', code: SQLSTATE.featureNotSupported })

const noFields = (column: string): PgError =>
  new PgError({
    message: 'azure_storage: the Parquet file has a structure without fields',
    code: SQLSTATE.featureNotSupported,
    detail: `It is in column "${column}".`,
  })

/** The engine would read them as floating-point numbers. */
function numbersTooPrecise(column: string): PgError {
  return new PgError({
    message: 'azure_storage: the Parquet file has decimal numbers of more than 38 digits',
    code: SQLSTATE.featureNotSupported,
    detail: `They are in column "${column}".`,
  })
}
