import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/*
 * A session that asks SELECT 1 again and again, in a process of its own so that nobody else's work is in its times. Each
 * message that it gets is answered with the times since the one before.
 */
const [, , url] = process.argv
let times: number[] = []
process.on('message', () => {
  process.send?.(times)
  times = []
})
process.on('disconnect', () => process.exit())

const client = new pg.Client({ connectionString: url as string })
await client.connect()
process.send?.([])
for (;;) {
  const start = performance.now()
  await client.query('SELECT 1')
  times.push(performance.now() - start)
  await sleep(3)
}
