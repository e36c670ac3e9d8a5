import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, errorOf, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery, uniqueName } from '../support/database.ts'
import { servers } from '../support/servers.ts'
import { callProxyFrom } from '../support/stack.ts'

/** A database's encoding, some text that it can hold, and the clients' encodings that are tried. */
const DATABASES: readonly [database: string, text: string, clients: string[], options: string[]][] = [
  ['UTF8', '가é', ['UTF8', 'SQL_ASCII'], ['GB18030', 'SQL_ASCII']],
  ['UTF8', '가나', ['UHC', 'EUC_KR'], ['JOHAB', 'UTF8']],
  ['LATIN1', 'éÿ', ['UTF8', 'LATIN1', 'MULE_INTERNAL'], ['LATIN9']],
  ['EUC_KR', '가나', ['UTF8', 'EUC_KR', 'MULE_INTERNAL'], ['JOHAB']],
  ['EUC_JP', '日ｶソ', ['UTF8', 'EUC_JP', 'SJIS'], ['SHIFT_JIS_2004']],
  ['SQL_ASCII', 'é가', ['UTF8', 'SQL_ASCII'], []],
]

/** One value each. */
const filesOf = (values: string[]): ['csv' | 'binary', Buffer][] =>
  values.flatMap(hex => [
    ['csv', Buffer.from(`${hex}0a`, 'hex')],
    [
      'binary',
      Buffer.from(`5047434f50590aff0d0a000000000000000000000100${'000000'}0${hex.length / 2}${hex}ffff`, 'hex'),
    ],
  ])

/** SET has words of its own for what no conversion is for. */
const encodingRefused = (outcome: unknown): object | undefined =>
  (outcome as { code?: string }).code === '0A000' ? expect.objectContaining({ code: '42883' }) : undefined

const isValid = (client: pg.Client, bytes: Buffer): Promise<boolean> =>
  client.query('SELECT convert_from($1, getdatabaseencoding())', [bytes]).then(
    () => true,
    () => false,
  )

describe.each(servers)(
  'the blob functions beside COPY in databases of other encodings, on PostgreSQL $version',
  server => {
    let stack: CopyStack
    let args: string
    beforeAll(async () => {
      stack = await startCopyStack(server)
      args = `'${account.name}', '${stack.container.containerName}'`
    })
    afterAll(() => stack.close())

    async function inDatabase(encoding: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
      const name = uniqueName('encoding')
      await adminQuery(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`)
      await callProxyFrom(server, name, ...stack.loopbacks)
      const client = new pg.Client({ connectionString: stack.url().replace(stack.database.name, name) })
      try {
        await client.connect()
        await client.query('CREATE EXTENSION azure_storage')
        await client.query('SELECT azure_storage.account_add($1, $2)', [account.name, account.key])
        await work(client)
      } finally {
        await client.end()
        await adminQuery(server, `DROP DATABASE ${name} WITH (FORCE)`)
      }
    }

    test.each(['UTF8', 'SQL_ASCII', 'LATIN1', 'EUC_JP'])('names of blobs and columns in %s', async encoding => {
      await inDatabase(encoding, async client => {
        const path = `${encoding}/${encoding === 'EUC_JP' ? '日' : 'große ü'}.csv`
        await client.query(
          `SELECT azure_storage.blob_put(${args}, $1, q, 'csv', 'none', '{"header": true, "null_string": "ü"}')
         FROM (SELECT 'a' AS u, NULL AS "ü") q`,
          [path],
        )
        expect(await stack.get(path)).toBe('u,"ü"\na,ü\n')
        const { rows } = await client.query(
          `SELECT l.path, q.* FROM azure_storage.blob_list(${args}, '${encoding}/') l,
          LATERAL azure_storage.blob_get(${args}, l.path, options := '{"header": true, "null_string": "ü"}') AS q (a text, "ü" text)`,
        )
        expect(rows).toEqual([{ path, a: 'a', ü: null }])
        await stack.put(path, '1,2\n')
        const error = await errorOf(
          client.query(`SELECT * FROM azure_storage.blob_get(${args}, $1) AS t (a text)`, [path]),
        )
        expect(error.where).toContain(`${path}, line 1`)
      })
    })

    /** What a statement leaves, or how it fails. */
    async function outcome(client: pg.Client, sql: string, look: () => Promise<unknown>): Promise<unknown> {
      try {
        await client.query(sql)
      } catch (error) {
        const { code, message } = error as pg.DatabaseError
        return { code, message }
      }
      return await look()
    }

    test.each(DATABASES)(
      '%s with %s, for clients in %s and options %s: as COPY',
      async (database, text, clients, options) => {
        await inDatabase(database, async client => {
          await client.query('CREATE TABLE t (s text, n int); CREATE TABLE back (LIKE t)')
          await client.query('INSERT INTO t VALUES ($1, 1), (NULL, 2)', [text])
          const written = async () => (await stack.getBytes('blob')).toString('hex')
          const read = async () => (await client.query("SELECT encode(s::bytea, 'hex') AS s, n FROM back")).rows
          const withOptions = [undefined, ...options].flatMap(option =>
            (['csv', 'tsv'] as const).map(format => ({ format, option })),
          )
          for (const encoding of clients) {
            await client.query(`SET client_encoding = '${encoding}'`)
            for (const { format, option } of [...withOptions, { format: 'binary', option: undefined }]) {
              const json = option === undefined ? 'NULL' : `'{"content_encoding": "${option}"}'`
              const clauses = `WITH (FORMAT '${format}'${option === undefined ? '' : `, ENCODING '${option}'`})`
              const put = `SELECT azure_storage.blob_put(${args}, 'blob', t, '${format}', 'none', ${json}) FROM t`
              const get = `INSERT INTO back SELECT * FROM azure_storage.blob_get(${args}, 'blob', NULL::back, '${format}', 'none', ${json})`
              const ours = await outcome(client, put, written)
              const theirs = await outcome(client, `COPY t TO '${stack.blobUrl('blob')}' ${clauses}`, written)
              const told = `${format}, client in ${encoding}, option ${option}`
              expect(ours, told).toEqual(theirs)
              await client.query('TRUNCATE back')
              const copied = await outcome(client, `COPY back FROM '${stack.blobUrl('blob')}' ${clauses}`, read)
              await client.query('TRUNCATE back')
              expect(await outcome(client, get, read), told).toEqual(copied)
            }
          }
        })
      },
    )

    test.each(['UTF8', 'SQL_ASCII', 'EUC_JP'])('bytes of any encoding, and of none, in %s: as COPY', async database => {
      await inDatabase(database, async client => {
        await client.query('CREATE TABLE t (s text)')
        const read = async () => (await client.query("SELECT encode(s::bytea, 'hex') AS s FROM t")).rows
        for (const encoding of ['SQL_ASCII', 'UTF8', 'EUC_JP', 'LATIN1']) {
          for (const [format, file] of filesOf(['c3a9', 'c6fc', 'ff'])) {
            await stack.put('blob', file)
            await client.query(`TRUNCATE t; SET client_encoding = 'UTF8'`)
            const options = `'{"content_encoding": "${encoding}"}'`
            const got = await outcome(
              client,
              `INSERT INTO t SELECT * FROM azure_storage.blob_get(${args}, 'blob', NULL::t, '${format}', 'none', ${options})`,
              read,
            )
            // COPY looks for it in binary files alone, whose texts are the client's.
            await client.query('TRUNCATE t')
            const copy = `COPY t FROM '${stack.blobUrl('blob')}' WITH (FORMAT '${format}', ENCODING '${encoding}')`
            const set = format === 'binary' ? `SET client_encoding = '${encoding}'; ` : ''
            const copied = await outcome(client, `${set}${copy}`, read)
            const isChecked = encoding !== 'SQL_ASCII' || database === 'SQL_ASCII' || format === 'binary'
            const told = `${format} in ${encoding}: ${file.toString('hex')}`
            if (isChecked) expect(got, told).toEqual(encodingRefused(copied) ?? copied)
            else if (await isValid(client, file.subarray(0, -1))) expect(got, told).toEqual(copied)
            else expect(got, told).toMatchObject({ code: '22021' })
          }
        }
      })
    })

    test('escapes in a file make no invalid text', async () => {
      await inDatabase('EUC_KR', async client => {
        await client.query('CREATE TABLE back (s text)')
        const read = async () => (await client.query("SELECT encode(s::bytea, 'hex') AS s FROM back")).rows
        for (const file of ['\\xb0\\xa1', '\\xb0x', 'a\\xb0', '\\x8e\\xa1']) {
          const url = await stack.put('blob', file)
          const copied = await outcome(client, `TRUNCATE back; COPY back FROM '${url}' WITH (FORMAT 'tsv')`, read)
          await client.query('TRUNCATE back')
          const get = `INSERT INTO back SELECT * FROM azure_storage.blob_get(${args}, 'blob', NULL::back, 'tsv')`
          expect(await outcome(client, get, read), file).toEqual(copied)
        }
      })
    })

    test.each([
      ['UTF8', 'WIN1252', 'é'],
      ['EUC_JP', 'SJIS', '日'],
      ['UTF8', 'EUC_JP', '日'],
    ])('binary in %s with content_encoding %s: as COPY of a client in it', async (database, option, text) => {
      await inDatabase(database, async client => {
        await client.query('CREATE TABLE t (s text); CREATE TABLE back (LIKE t)')
        await client.query('INSERT INTO t SELECT $1 FROM generate_series(1, 3)', [text])
        await client.query(
          `SET client_encoding = '${option}'; COPY t TO '${stack.blobUrl('copy.bin')}' WITH (FORMAT binary)`,
        )
        await client.query('RESET client_encoding')
        const options = `azure_storage.options_binary('${option}')`
        await client.query(`SELECT azure_storage.blob_put(${args}, 'put.bin', t, 'binary', 'none', ${options}) FROM t`)
        expect((await stack.getBytes('put.bin')).toString('hex')).toBe(
          (await stack.getBytes('copy.bin')).toString('hex'),
        )
        const { rows } = await client.query(
          `SELECT * FROM azure_storage.blob_get(${args}, 'put.bin', NULL::back, 'binary', 'none', ${options})`,
        )
        expect(rows).toEqual([{ s: text }, { s: text }, { s: text }])
        expect((await client.query('SHOW client_encoding')).rows).toEqual([{ client_encoding: 'UTF8' }])
        // In bytes that are none of the encoding's, it is not stored.
        const { code } = await errorOf(
          client.query(
            `SELECT * FROM azure_storage.blob_get(${args}, 'put.bin', NULL::back, 'binary', 'none', azure_storage.options_binary('UTF8'))`,
          ),
        )
        expect(code).toBe('22021')
      })
    })
  },
)
