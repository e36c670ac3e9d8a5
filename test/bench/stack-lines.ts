import pg from 'pg'
import { median, type Pair, seconds } from './measure.ts'

export type StartBlobgres = typeof import('../../src/index.ts')['startBlobgres']

const TESTS = 20
/** What it is to take, in seconds. */
const [START_AIM, RESET_AIM] = [3, 0.1]

/** The library's stack in memory, as a test suite has it: a table and a blob in each test, reset() after it. */
export function stackLines(startBlobgres: StartBlobgres): Pair[] {
  const start = async (): Promise<number> => {
    const started = performance.now()
    const stack = await startBlobgres()
    const taken = (performance.now() - started) / 1000
    await stack.stop()
    return taken
  }
  const reset = async (): Promise<number> => {
    const stack = await startBlobgres()
    const resets: number[] = []
    for (let test = 0; test < TESTS; test++) {
      const client = new pg.Client(stack.connectionUri)
      await client.connect()
      await client.query('CREATE TABLE numbers AS SELECT * FROM generate_series(1, 1000) AS n')
      await client.query("COPY numbers TO 'https://pgquickstart.blob.core.windows.net/samples/numbers.csv'")
      await client.end()
      resets.push(await seconds(() => stack.reset()))
    }
    await stack.stop()
    return median(resets)
  }
  const aim = { against: 'what it is to take', unit: 's' }
  return [
    { ...aim, name: 'start of a stack in memory', ours: start, theirs: async () => START_AIM },
    { ...aim, name: `reset(), ${TESTS} tests`, ours: reset, theirs: async () => RESET_AIM },
  ]
}
