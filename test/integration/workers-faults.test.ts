import { expect, it } from 'vitest'
import { account } from '../support/blobs.ts'
import { errorOf, startCopyStack } from '../support/copy-stack.ts'
import { servers } from '../support/servers.ts'

it.each(servers)('a fault that is asked for holds for all workers, once, on PostgreSQL $version', async server => {
  const stack = await startCopyStack(server, { workers: 2, extras: true })
  try {
    const args = `'${account.name}', '${stack.container.containerName}'`
    // Each new session goes to the worker that has fewer.
    const other = await stack.connect()
    await stack.client.query('CREATE TABLE t (a int)')
    const get = `COPY t FROM '${await stack.put('a.csv', '1\n')}'`
    const faults = async () => (await other.query('SELECT fault, times FROM blobgres.faults()')).rows
    await stack.client.query(`SELECT blobgres.inject('denied', ${args}, '*', 3)`)
    expect(await faults()).toEqual([{ fault: 'denied', times: 3 }])
    for (const client of [other, stack.client])
      expect(await errorOf(client.query(get))).toMatchObject({ code: '42501' })
    expect(await faults()).toEqual([{ fault: 'denied', times: 1 }])
    await other.query('SELECT blobgres.clear()')
    for (const client of [other, stack.client]) await client.query(get)
    for (let i = 0; i < 100; i++) await other.query(`SELECT blobgres.inject('denied', ${args}, 'none')`)
    expect(await errorOf(stack.client.query(`SELECT blobgres.inject('denied', ${args}, 'none')`))).toMatchObject({
      code: '53400',
      message: 'blobgres: there are 100 faults already',
      hint: 'Use SELECT blobgres.clear()',
    })
  } finally {
    await stack.close()
  }
})
