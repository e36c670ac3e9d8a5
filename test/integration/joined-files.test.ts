import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileJoiner } from '../../src/formats/file-joiner.ts'
import { JoinedBinary } from '../../src/formats/joined-binary.ts'
import { JoinedLines } from '../../src/formats/joined-lines.ts'
import type { PgError } from '../../src/protocol/pg-error.ts'
import { quoteLiteral } from '../../src/sql/quote.ts'
import { copyIn, copyOut } from '../support/copy-queries.ts'
import { createDatabaseSession, type DatabaseSession } from '../support/database.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

const SETS = Number(process.env.FUZZ_FILES ?? 200)

/** Rows of all, or the first error: its code, its message, and where in the last file it is. */
type Outcome = unknown[] | { code: string; message: string; line: string | undefined }

/** In chunks that end anywhere, up to where the joiner wants no more. */
function joined(joiner: FileJoiner, files: readonly Buffer[], random: Random): Buffer {
  const out: Buffer[] = []
  for (const file of files) {
    joiner.beginFile()
    for (let at = 0; at < file.length && !joiner.fileEnded && !joiner.isOver; ) {
      const length = 1 + random.below(5)
      out.push(...joiner.push(file.subarray(at, at + length)))
      at += length
    }
    out.push(...joiner.endFile())
    if (joiner.isOver) break
  }
  return Buffer.concat(out)
}

describe.each(servers)('files as one, against one COPY FROM each, on PostgreSQL $version', server => {
  let session: DatabaseSession
  let client: pg.Client
  beforeAll(async () => {
    session = await createDatabaseSession(server)
    client = session.client
    await client.query('CREATE TABLE t (a text, position serial)')
  })
  afterAll(() => session.close())

  async function copied(options: string, files: readonly (() => Buffer)[]): Promise<Outcome> {
    await client.query('BEGIN')
    try {
      for (const file of files) await copyIn(client, `COPY t (a) FROM STDIN (${options})`, file())
      return (await client.query({ text: 'SELECT a FROM t ORDER BY position', rowMode: 'array' })).rows
    } catch (error) {
      const { code, message, where } = error as pg.DatabaseError
      return { code: String(code), message, line: /line (\d+)/.exec(String(where))?.[1] }
    } finally {
      await client.query('ROLLBACK')
    }
  }

  it.each(['csv', 'text'] as const)('%s', async format => {
    const random = new Random(0x5eed)
    const pieces = ['a', 'b', '\n', '\n', '\\', '\\.', '\\.\n', '"', '""', '\\"', '\\\n', 'x,y']
    for (let set = 0; set < SETS; set++) {
      const lineEnds = random.pick([['\n'], ['\r\n'], ['\r'], ['\n', '\r\n']])
      const files = Array.from({ length: 1 + random.below(3) }, () => {
        const lineEnd = random.pick(lineEnds)
        return Buffer.from(random.times(8, () => random.pick(pieces).replace('\n', lineEnd)).join(''))
      })
      const [quote, escaping] = random.pick([
        ['"', '"'],
        ['"', '\\'],
      ] as const)
      const header = random.chance(0.5)
      const quoting = format === 'csv' ? `, QUOTE '"', ESCAPE ${quoteLiteral(escaping)}` : ''
      const options = `FORMAT ${format}, DELIMITER '|', HEADER ${header}${quoting}`
      const joiner = new JoinedLines({
        format,
        quote: quote.charCodeAt(0),
        escape: escaping.charCodeAt(0),
        header,
        strictEndMarker: server.version >= 18,
        isLead: () => false,
      })
      const apart = await copied(
        options,
        files.map(file => () => file),
      )
      const together = await copied(options, [() => joined(joiner, files, random)])
      const shown = { options, files: files.map(file => JSON.stringify(String(file))).join(' + ') }
      // The line of the whole is another one.
      if ('line' in apart && 'line' in together)
        expect([shown, { ...together, line: apart.line }]).toEqual([shown, apart])
      else expect([shown, together]).toEqual([shown, apart])
    }
  })

  it('binary', async () => {
    const random = new Random(0xb17)
    const whole = await copyOut(client, "COPY (VALUES ('a'), (NULL), (repeat('b', 7))) TO STDOUT (FORMAT binary)")
    const none = await copyOut(client, 'COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)')
    for (let set = 0; set < SETS / 4; set++) {
      const files = Array.from({ length: 1 + random.below(3) }, () => {
        const file = random.pick([whole, whole, none])
        if (random.chance(0.2)) return file.subarray(0, random.below(file.length))
        return random.chance(0.2) ? Buffer.concat([file, Buffer.from('x')]) : file
      })
      const apart = await copied(
        'FORMAT binary',
        files.map(file => () => file),
      )
      const together = await copied('FORMAT binary', [
        () => {
          try {
            return joined(new JoinedBinary(), files, random)
          } catch (error) {
            return Buffer.from((error as PgError).code === '22P04' ? 'no signature' : '')
          }
        },
      ])
      const shown = files.map(file => file.toString('hex'))
      if ('code' in apart) expect([shown, together]).toEqual([shown, expect.objectContaining({ code: apart.code })])
      else expect([shown, together]).toEqual([shown, apart])
    }
  })
})
