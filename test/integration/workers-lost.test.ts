import { expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { ask, startHttpStack } from '../support/http.ts'
import { servers } from '../support/servers.ts'

it.each(servers)(
  'a worker that is killed takes its own sessions along, and is replaced, on PostgreSQL $version',
  async server => {
    const stack = await startHttpStack(server, { workers: 2 })
    try {
      const done = async (): Promise<string | undefined> => {
        const { body } = await ask(`${stack.origin}/metrics`)
        return /^blobgres_transfers_total\{.*outcome="done".*\} (\d+)/m.exec(body)?.[1]
      }
      const addressOf = async (client: typeof stack.client): Promise<string> =>
        (await client.query("SELECT current_setting('azure_storage.proxy') AS proxy")).rows[0].proxy
      await stack.client.query('CREATE TABLE t (a int)')
      const copy = `COPY t FROM '${await stack.put('a.csv', '1\n')}'`
      // Each new session goes to the worker that has fewer.
      const other = await stack.connect()
      await stack.client.query(`BEGIN; ${copy}`)
      await other.query(copy)
      expect(await done()).toBe('2')
      const before = new Set(stack.workers?.ready)
      const lost = await addressOf(other)
      const [, doomed] = stack.workers?.ready ?? []
      const ended = new Promise(resolve => other.once('end', resolve))
      process.kill(doomed?.pid as number, 'SIGKILL')
      await ended
      await stack.client.query(`${copy}; COMMIT`)
      await expect.poll(() => stack.workers?.ready.length, { timeout: 30_000 }).toBe(2)
      expect(stack.workers?.ready.filter(worker => before.has(worker))).toHaveLength(1)
      const third = await stack.connect()
      expect(await addressOf(third)).toBe(lost)
      const list = `SELECT path FROM azure_storage.blob_list('${account.name}', '${stack.container.containerName}')`
      expect((await third.query(list)).rows).toEqual([{ path: 'a.csv' }])
      await third.query(copy)
      expect(await done()).toBe('4')
      expect((await ask(`${stack.origin}/metrics`)).body).toMatch(/^blobgres_workers_lost_total 1$/m)
      const { rows } = await stack.client.query('SELECT count(*)::int AS rows FROM t')
      expect(rows).toEqual([{ rows: 4 }])
    } finally {
      await stack.close()
    }
  },
  120_000,
)
