import { parquetMetadata, parquetRead, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { ParquetColumn } from '../../src/formats/parquet/shape.ts'

/** A point in time as the reference reads it, exactly. hyparquet lets only a Date be one in a VARIANT. */
export class Instant extends Date {
  readonly nanos: bigint
  constructor(nanos: bigint) {
    super(Number(nanos / 1_000_000n))
    this.nanos = nanos
  }
}

const parsers = {
  timestampFromMilliseconds: (millis: bigint) => (millis === null ? null : new Instant(BigInt(millis) * 1_000_000n)),
  timestampFromMicroseconds: (micros: bigint) => (micros === null ? null : new Instant(micros * 1000n)),
  timestampFromNanoseconds: (nanos: bigint) => (nanos === null ? null : new Instant(nanos)),
  dateFromDays: (days: number) => (days === null ? null : new Instant(BigInt(days) * 86_400_000_000_000n)),
  geometryFromBytes: (bytes: Uint8Array) => bytes,
  geographyFromBytes: (bytes: Uint8Array) => bytes,
}

/** The columns that our reader is asked for: of types whose texts can be compared. */
export function columnsOf(file: ArrayBuffer): ParquetColumn[] {
  return parquetSchema(parquetMetadata(file)).children.map(child => ({
    name: child.element.name,
    shape: { kind: 'scalar', type: targetOf(child) } as const,
  }))
}

/** What hyparquet reads. */
export async function readReference(file: ArrayBuffer): Promise<unknown[][]> {
  let rows: unknown[][] = []
  const onComplete = (read: unknown[][]): void => {
    rows = read
  }
  await parquetRead({ file, compressors, parsers, geoparquet: false, utf8: false, onComplete })
  return rows
}

const NOT_BYTES = new Set(['UTF8', 'ENUM', 'JSON', 'DECIMAL', 'INTERVAL'])

function targetOf({ element, children }: SchemaTree): string {
  if (children.length > 0) return 'jsonb'
  return element.repetition_type !== 'REPEATED' && isBytes(element) ? 'bytea' : 'text'
}

function isBytes({ type, converted_type, logical_type }: SchemaElement): boolean {
  if (type !== 'BYTE_ARRAY' && type !== 'FIXED_LEN_BYTE_ARRAY') return false
  if (converted_type !== undefined) return !NOT_BYTES.has(converted_type)
  return !['STRING', 'ENUM', 'JSON', 'DECIMAL', 'UUID', 'FLOAT16'].includes(logical_type?.type ?? '')
}
