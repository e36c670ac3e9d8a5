import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api'
import type { EngineColumn, EngineType } from './engine-messages.ts'
import { indexOfEngineName, type Leaf } from './parquet-schema.ts'
import type { PreparedFile } from './source-file.ts'

/** DuckDB's columns of a prepared file, under the names in the file, and of the types that are meant. */
export function engineColumns(
  columns: readonly [name: string, type: DuckDBType][],
  file: PreparedFile,
): EngineColumn[] {
  const leaves = file.leaves.values()
  const named = (name: string, type: DuckDBType): EngineColumn => ({
    name: file.names[indexOfEngineName(name)] ?? name,
    type: typeOf(type),
  })

  const typeOf = (type: DuckDBType): EngineType => {
    switch (type.typeId) {
      case DuckDBTypeId.LIST: {
        const element = typeOf(type.valueType)
        return { kind: 'list', name: `${element.name}[]`, element }
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
        return { kind: 'scalar', name: meantName(type.toString(), leaves.next().value) }
    }
  }

  const found = columns.map(([name, type]) => named(name, type))
  if (leaves.next().done === true) return found
  throw new Error('the engine has other columns than the file')
}

function meantName(name: string, leaf: Leaf | undefined): string {
  if (leaf === undefined) throw new Error('the engine has more columns than the file')
  const { meaning } = leaf
  if (meaning === 'instant') return `${name} WITH TIME ZONE`
  return meaning ?? name
}
