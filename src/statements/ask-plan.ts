import { serialize } from 'pg-protocol'
import { bind } from '../protocol/bind.ts'
import { cstring } from '../protocol/cstring.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { parse } from '../protocol/messages.ts'
import type { BlobInsert } from '../sql/blob-insert.ts'
import type { Answer } from './exchange.ts'
import { type DescribedColumn, type InsertPlan, type PlanSettings, planInsert, planText } from './insert-plan.ts'
import { PRIVATE_NAME } from './private-statement.ts'

/** What an Execute is of. */
export interface BoundInsert {
  /** Its name. */
  readonly portal: string
  /** The client's message. */
  readonly bind: Buffer
  /** Of the parameters, as far as the client has said. */
  readonly types: readonly number[]
}

/** Asks how the statement is to run, with its parameters. */
export function planMessages(insert: BlobInsert, bound: BoundInsert | undefined): Buffer[] {
  return [
    serialize.close({ type: 'S', name: PRIVATE_NAME }),
    parse(Buffer.from(PRIVATE_NAME), planText(insert), typesOf(bound)),
    bind(PRIVATE_NAME, PRIVATE_NAME, bound?.bind),
    serialize.describe({ type: 'P', name: PRIVATE_NAME }),
    serialize.execute({ portal: PRIVATE_NAME }),
    serialize.close({ type: 'P', name: PRIVATE_NAME }),
    serialize.close({ type: 'S', name: PRIVATE_NAME }),
  ]
}

/** As they stand at the end of a Parse message. */
export function typesOf(bound: BoundInsert | undefined): Buffer {
  const types = bound?.types ?? []
  const bytes = Buffer.alloc(2 + 4 * types.length)
  bytes.writeInt16BE(types.length)
  for (const [i, type] of types.entries()) bytes.writeUInt32BE(type, 2 + 4 * i)
  return bytes
}

/** Undefined where it is to run as it is. */
export function readPlan(
  insert: BlobInsert,
  { rows: [row], description }: Answer,
  settings: PlanSettings,
): InsertPlan | undefined {
  const told = row && firstValue(row)
  const columns = description && describedColumns(description).slice(1)
  return told && columns ? planInsert(insert, told, columns, settings) : undefined
}

function firstValue(row: Frame): string | undefined {
  const body = frameBody(row)
  const length = body.readInt32BE(2)
  return length < 0 ? undefined : body.toString('latin1', 6, 6 + length)
}

/** Behind a column's name: table, column, type, its size, modifier and format. */
const FIELD_BYTES = 18

function describedColumns(description: Frame): DescribedColumn[] {
  const body = frameBody(description)
  const columns: DescribedColumn[] = []
  let offset = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const name = cstring(body, offset)
    offset += name.length + 1
    columns.push({ name, oid: body.readUInt32BE(offset + 6), typmod: body.readInt32BE(offset + 12) })
    offset += FIELD_BYTES
  }
  return columns
}
