import * as arrow from 'apache-arrow'
import { parquetMetadata, parquetReadObjects, parquetSchema, type SchemaTree } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { describe, expect, test } from 'vitest'
import { distinctNames, WrittenNames } from '../../../../src/formats/parquet/written-names.ts'
import { byArrow, field, wasm } from '../../../support/foreign-parquet.ts'
import { array, columns, composite, parquetOf, rowsOf, scalar, unnamed } from '../../../support/parquet-files.ts'

const int = scalar('int4')
const text = scalar('text')

const asArrayBuffer = ({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
const namesOf = ({ children }: SchemaTree): string[] => children.map(child => child.element.name)

describe('written', () => {
  const target = [
    ...columns({ Id: int, id: int, ID: text, 'é"\'; "': int, [`${'n'.repeat(62)}N`]: int }),
    ...columns({ c: composite({ A: int, a: text, Á: array(composite({ x: int, X: int })) }) }),
  ]
  const row = '1\t2\tx\t3\t4\t(5,y,"{""(6,7)""}")\n'

  test('columns and fields, as another reader finds them', async () => {
    const file = asArrayBuffer(await parquetOf(row, target))
    const schema = parquetSchema(parquetMetadata(file))
    expect(namesOf(schema)).toEqual(target.map(({ name }) => name))
    const composites = schema.children.at(-1) as SchemaTree
    expect(namesOf(composites)).toEqual(['A', 'a', 'Á'])
    const [, , list] = composites.children as [SchemaTree, SchemaTree, SchemaTree]
    expect(namesOf(list.children[0]?.children[0] as SchemaTree)).toEqual(['x', 'X'])
    expect(await parquetReadObjects({ file, compressors })).toEqual([
      { Id: 1, id: 2, ID: 'x', 'é"\'; "': 3, [`${'n'.repeat(62)}N`]: 4, c: { A: 5, a: 'y', Á: [{ x: 6, X: 7 }] } },
    ])
  })

  test('and as arrow-rs does', async () => {
    const table = arrow.tableFromIPC(wasm.readParquet(await parquetOf(row, target)).intoIPCStream())
    expect(table.schema.names).toEqual(target.map(({ name }) => name))
  })

  test('two of the same name', async () => {
    const file = asArrayBuffer(await parquetOf('1\t2\n', [...columns({ a: int }), ...columns({ a: int })]))
    expect(namesOf(parquetSchema(parquetMetadata(file)))).toEqual(['a', 'a_1'])
    expect(distinctNames(['a', 'a_1', 'a', 'A', 'a'])).toEqual(['a', 'a_1', 'a_2', 'A', 'a_3'])
  })

  test('although the engine writes byte by byte', () => {
    const names = new WrittenNames()
    const [short, long] = ['b', 'ü'.repeat(100)].map(name => names.tokenOf(name)) as [string, string]
    expect(names.tokenOf('b')).toBe(short)
    const written = Buffer.from(`rows\x20${short}\x20${long}\x18\x20${short}`)
    const file = Buffer.concat([written, Buffer.from([100, 0, 0, 0]), Buffer.from('PAR1')])
    const expected = `rows\x01b\xc8\x01${Buffer.from('ü'.repeat(100)).toString('latin1')}\x18\x01b`
    const length = 100 + expected.length - written.length
    const parts = Array.from(file, byte => names.restore(Buffer.of(byte))).flat()
    const restored = Buffer.concat([...parts, names.end()])
    expect(restored.toString('latin1', 0, restored.length - 8)).toBe(expected)
    expect(restored.readUInt32LE(restored.length - 8)).toBe(length)
    expect(restored.toString('latin1', restored.length - 4)).toBe('PAR1')
  })
})

describe('read', () => {
  const inner = new arrow.Struct([field(new arrow.Utf8(), 'a'), field(new arrow.Int32(), 'A')])
  const struct = new arrow.Struct([
    field(new arrow.Int32(), 'id'),
    field(new arrow.Utf8(), 'ID'),
    field(new arrow.List(field(inner)), 'Id'),
  ])
  const value = { id: 1, ID: 'x', Id: [{ a: 'y', A: 2 }] }

  test('into json', async () => {
    const rows = await rowsOf(byArrow(struct, [value]), unnamed(scalar('jsonb')))
    expect(rows).toBe('{"id":1,"ID":"x","Id":[{"a":"y","A":2}]}\n')
  })

  test('into a composite', async () => {
    const target = composite({ id: int, ID: text, Id: array(composite({ a: text, A: int })) })
    const rows = await rowsOf(byArrow(struct, [value]), unnamed(target))
    expect(rows.replaceAll('\\', '')).toBe('("1","x","{"("y","2")"}")\n')
  })

  test('columns, in a message', async () => {
    const file = await parquetOf('1\t{}\n', columns({ Id: int, id: array(composite({ A: int })) }))
    await expect(rowsOf(file, [])).rejects.toMatchObject({
      detail: "The file's columns: Id INTEGER, id STRUCT[]. Expected: .",
    })
  })
})
