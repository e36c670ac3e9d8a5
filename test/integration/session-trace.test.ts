import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { adminQuery } from '../support/database.ts'
import { servers } from '../support/servers.ts'

type Line = Readonly<Record<string, string | number | undefined>>

describe.each(servers)('The log at trace, on PostgreSQL $version', server => {
  let text = ''
  let stack: CopyStack
  const lines = (): Line[] =>
    text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Line)
  /** The lines of the session that has this backend, from its first to its last. */
  const linesOf = async (client: pg.Client): Promise<Line[]> => {
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    await client.end()
    const session = lines().find(line => line.backend === rows[0].pid)?.session
    const all = (): Line[] => lines().filter(line => line.session === session)
    await expect.poll(() => all().at(-1)?.msg, { timeout: 10_000 }).toBe('closed')
    return all()
  }

  beforeAll(async () => {
    const log = pino(
      { level: 'trace' },
      {
        write(line: string) {
          text += line
        },
      },
    )
    stack = await startCopyStack(server, {}, log)
    await stack.client.query('CREATE TABLE t (a text)')
  })
  afterAll(() => stack.close())

  it('follows a session from its first byte to its backend and to its end', async () => {
    const { password, role } = await createUser(stack)
    const client = new pg.Client(stack.url(role).replace('@', `:${password}@`))
    await client.connect()
    await client.query("SELECT 'a secret literal'")
    const told = await linesOf(client)
    expect(told[0]).toMatchObject({ msg: 'accepted', client: expect.stringMatching(/^127\.0\.0\.1:\d+$/) })
    const login = told.find(({ msg }) => msg === 'login complete')
    expect(login).toMatchObject({ user: role, database: stack.database.name, backend: expect.any(Number) })
    expect(told.at(-1)).toMatchObject({ backend: login?.backend, why: expect.any(String) })
    const messages = told.filter(({ message }) => message).map(exchange)
    const query = 'client F Query 30'
    expect(messages.slice(messages.indexOf(query), messages.indexOf(query) + 4)).toEqual([
      query,
      'backend F Query 30',
      'backend B RowDescription 33',
      'backend B DataRow 26',
    ])
    expect(messages).toContain('client B DataRow 26')
    expect(messages).toContain('client F Terminate 4')
  })

  it('tells what a statement of ours is, and what becomes of it', async () => {
    const client = await stack.connect()
    await client.query(`COPY t FROM '${await stack.put('a.csv', 'a secret row\n')}'`)
    const told = await linesOf(client)
    const begun = told.findIndex(({ msg }) => msg === 'operation begun')
    const ended = told.findIndex(({ msg }) => msg === 'operation ended')
    expect(told[begun]).toMatchObject({ message: 'Query', statements: ['copy-from'] })
    const messages = told.slice(begun + 1, ended).map(exchange)
    expect(messages.filter(message => message.startsWith('client'))).toEqual([
      'client B CommandComplete 11',
      'client B ReadyForQuery 5',
    ])
    expect(messages).toContain('backend F CopyData 17')
    expect(messages).toContain('backend F CopyDone 4')
  })

  it('names the session that a function serves', async () => {
    const client = await stack.connect()
    await client.query(`SELECT * FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`)
    const own = await linesOf(client)
    const call = lines().find(({ msg, backend }) => msg === 'function call' && backend === own.at(-1)?.backend)
    expect(String(call?.serves).split('/')[1]).toBe(String(own[0]?.session))
  })

  it('has no password, literal or row in it', () => {
    for (const secret of ['secret literal', 'secret row', account.key, 'hunter2'])
      expect(text.includes(secret)).toBe(false)
  })

  async function createUser({ createRole }: CopyStack): Promise<{ role: string; password: string }> {
    const role = await createRole('traced', "PASSWORD 'hunter2' IN ROLE password_users")
    await adminQuery(server, `GRANT CONNECT ON DATABASE ${stack.database.name} TO ${role}`)
    return { role, password: 'hunter2' }
  }
})

const exchange = ({ peer, direction, message, length }: Line): string => `${peer} ${direction} ${message} ${length}`
