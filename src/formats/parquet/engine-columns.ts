import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api'
import { PgError } from '../../protocol/pg-error.ts'
import { SQLSTATE } from '../../protocol/sqlstate.ts'
import type { EngineColumn, EngineColumns, EngineType } from './engine-messages.ts'
import { indexOfEngineName, type Leaf } from './parquet-schema.ts'
import type { SourceFile } from './source-file.ts'

/** PostgreSQL's MaxTupleAttributeNumber. */
const MAX_COLUMNS = 1664
const SHOWN_COLUMNS = 50
const MAX_PARTS = 10_000
const MAX_NAME_LENGTH = 1000
const MAX_TYPE_LENGTH = 1000

/**
 * DuckDB's columns of a prepared file, under the names in the file, and of the types that are meant. Names and types come
 * from whoever made the file, and all that is answered goes through the proxy's memory: too large a schema is refused.
 * @throws PgError
 */
export function engineColumns(
  count: number,
  columnAt: (index: number) => [name: string, type: DuckDBType],
  file: Pick<SourceFile, 'names' | 'leaves'>,
): EngineColumns {
  const leaves = file.leaves.values()
  let parts = 0
  const named = (engineName: string, type: DuckDBType): EngineColumn => {
    const name = file.names[indexOfEngineName(engineName)] ?? engineName
    if (name.length > MAX_NAME_LENGTH) throw tooLarge()
    return { name, type: typeOf(type) }
  }

  const typeOf = (type: DuckDBType): EngineType => {
    if (++parts > MAX_PARTS) throw tooLarge()
    switch (type.typeId) {
      case DuckDBTypeId.LIST: {
        const element = typeOf(type.valueType)
        return { kind: 'list', name: shortened(`${element.name}[]`), element }
      }
      case DuckDBTypeId.STRUCT:
        return {
          kind: 'struct',
          name: 'STRUCT',
          fields: type.entryNames.map((entry, i) => named(entry, type.entryTypes[i] as DuckDBType)),
        }
      case DuckDBTypeId.MAP:
        return { kind: 'map', name: 'MAP', key: typeOf(type.keyType), value: typeOf(type.valueType) }
      default:
        return { kind: 'scalar', name: shortened(meantName(type.toString(), leaves.next().value)) }
    }
  }

  const shown = count > MAX_COLUMNS ? SHOWN_COLUMNS : count
  const columns = Array.from({ length: shown }, (_, i) => named(...columnAt(i)))
  if (shown === count && leaves.next().done !== true) throw new Error('the engine has other columns than the file')
  return { count, columns }
}

function meantName(name: string, leaf: Leaf | undefined): string {
  if (leaf === undefined) throw new Error('the engine has more columns than the file')
  const { meaning } = leaf
  if (meaning === 'instant') return `${name} WITH TIME ZONE`
  return meaning ?? name
}

const shortened = (name: string): string => name.slice(0, MAX_TYPE_LENGTH)

const tooLarge = (): PgError =>
  new PgError({
    message: "azure_storage: the Parquet file's schema is too large",
    code: SQLSTATE.programLimitExceeded,
  })
