import type { ParquetColumn } from '../formats/parquet/shape.ts'
import { BACKEND } from '../protocol/codes.ts'
import { type Frame, frameBody } from '../protocol/frame-assembler.ts'
import { errorFields } from '../protocol/messages.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'
import type { Step } from './script.ts'
import type { CopyGrant, OpenedCopy, ScriptContext, ScriptRun, StepHandler } from './script-run.ts'

/** Its row says how to reach the blob. */
export function openCopy({ copy, challenge }: Step & { kind: 'open' }, run: ScriptRun): StepHandler {
  return {
    isOurs: true,
    async take(frame) {
      if (frame.code === BACKEND.dataRow) run.opened = await open(readGrant(frame, challenge), copy, run.context)
      else if (frame.code !== BACKEND.rowDescription && frame.code !== BACKEND.noticeResponse) run.wire.reply(frame)
    },
    complete: () => {},
    replaceError(fields) {
      const code = fields.get('C')?.toString()
      const isMissing = code === SQLSTATE.invalidSchemaName || code === SQLSTATE.undefinedFunction
      return isMissing ? errorFields(notInstalled()) : undefined
    },
  }
}

/** What is wrong with a credential is told when the COPY has begun: PostgreSQL's own complaints come first. */
async function open(grant: CopyGrant, copy: CopyStatement, context: ScriptContext): Promise<OpenedCopy> {
  const blob = await context.openBlob(copy, grant).then(
    opened => () => opened,
    error => () => {
      throw error
    },
  )
  return { ...grant, blob }
}

function readGrant(frame: Frame, challenge: string): CopyGrant {
  const body = frameBody(frame)
  const values: (string | undefined)[] = []
  let offset = 2
  for (let i = body.readInt16BE(0); i > 0; i--) {
    const length = body.readInt32BE(offset)
    offset += 4
    values.push(length < 0 ? undefined : body.toString('utf8', offset, offset + length))
    offset += Math.max(0, length)
  }
  const [sealed, authType, statementTimeoutMs, blockSizeMb, mac, passphrase, columnsInHex = ''] = values
  const columns = JSON.parse(Buffer.from(columnsInHex, 'hex').toString() || '[]') as ParquetColumn[]
  const settings = { statementTimeoutMs: Number(statementTimeoutMs), blockSizeMb: Number(blockSizeMb) }
  return { sealed, authType, mac, passphrase, challenge, columns, ...settings }
}

function notInstalled(): PgError {
  return new PgError({
    message: 'azure_storage: the extension is not installed in this database',
    code: SQLSTATE.undefinedObject,
    hint: 'Use CREATE EXTENSION azure_storage',
  })
}
