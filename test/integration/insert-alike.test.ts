import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { type InsertCase, insertCase } from '../support/insert-cases.ts'
import { Random } from '../support/random.ts'
import { recordedLog } from '../support/recorded-log.ts'
import { servers } from '../support/servers.ts'

const CASES = 30

describe.each(servers)('INSERT … SELECT from blob_get() as COPY, on PostgreSQL $version', server => {
  const log = recordedLog()
  let stack: CopyStack
  const notices: { message: string | undefined; where: string | undefined }[] = []
  beforeAll(async () => {
    stack = await startCopyStack(server, {}, log.logger)
    await stack.client.query("SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kolkata'")
    stack.client.on('notice', ({ message, where }) => notices.push({ message, where }))
  })
  afterAll(() => stack.close())

  const outcomeOf = async (one: InsertCase, accelerate: 'on' | 'off') => {
    const { client, container } = stack
    const { isExtended, inTransaction, isPartitioned } = one
    const args = [account.name, container.containerName]
    await client.query(`SET client_min_messages = warning; ${one.setup}; RESET client_min_messages`)
    await client.query(`SET blobgres.accelerate = ${accelerate}; SELECT 1`)
    notices.length = 0
    log.take('')
    if (inTransaction) await client.query('BEGIN')
    const text = one.statement(isExtended ? '$1, $2' : `'${args.join("', '")}'`)
    const told = await client.query(text, isExtended ? args : undefined).then(
      ({ command, rowCount }) => ({ command, rowCount }),
      error => ({ ...error, message: error.message }),
    )
    if (inTransaction) await client.query('COMMIT').catch(error => Object.assign(told, { commit: error.message }))
    const ran = log.take('INSERT as COPY').some(({ isDone }) => isDone === true)
    const failed = 'code' in told
    const { rows } = await client.query(`SELECT * FROM w.t ${isPartitioned ? 'ORDER BY t' : ''}`)
    const sequences = failed ? [] : (await client.query('SELECT last_value FROM pg_sequences')).rows
    return {
      ran,
      failed,
      seen: { told, rows, sequences, notices: notices.map(({ message, where }) => ({ message, where })) },
    }
  }

  test.each([1, 2])('the two ways are alike in all that a client sees, seed %i', { timeout: 120_000 }, async seed => {
    const random = new Random(seed)
    const ran = { alike: 0, failed: 0, other: 0 }
    for (let i = 0; i < CASES; i++) {
      const one = insertCase(random)
      await stack.put(one.blob.path, one.blob.contents)
      const general = await outcomeOf(one, 'off')
      const accelerated = await outcomeOf(one, 'on')
      const text = `${one.setup}\n${one.statement('…')}`
      expect(accelerated.seen, text).toEqual(general.seen)
      expect(general.ran, text).toBe(false)
      expect(accelerated.ran, text).toBe(one.isAlike && !general.failed)
      ran[general.failed ? 'failed' : one.isAlike ? 'alike' : 'other']++
    }
    expect(Math.min(ran.alike, ran.failed, ran.other), JSON.stringify(ran)).toBeGreaterThan(3)
  })
})
