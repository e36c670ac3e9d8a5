import pg from 'pg'
import { startBlobgres } from '../../src/index.ts'
import { type Line, median, seconds } from './measure.ts'

const TESTS = 20
/** What it is to take, in seconds. */
const [START_AIM, RESET_AIM] = [3, 0.1]

/** The library's stack in memory, as a test suite has it: a table and a blob in each test, reset() after it. */
export async function stackLines(rounds: number): Promise<Line[]> {
  const starts: number[] = []
  const resets: number[] = []
  for (let round = 0; round < rounds; round++) {
    const started = performance.now()
    const stack = await startBlobgres()
    starts.push((performance.now() - started) / 1000)
    for (let test = 0; test < TESTS; test++) {
      const client = new pg.Client(stack.connectionUri)
      await client.connect()
      await client.query('CREATE TABLE numbers AS SELECT * FROM generate_series(1, 1000) AS n')
      await client.query("COPY numbers TO 'https://pgquickstart.blob.core.windows.net/samples/numbers.csv'")
      await client.end()
      resets.push(await seconds(() => stack.reset()))
    }
    await stack.stop()
  }
  return [line('start of a stack in memory', START_AIM, starts), line(`reset(), ${TESTS} tests`, RESET_AIM, resets)]
}

function line(name: string, aim: number, times: readonly number[]): Line {
  const ours = median(times)
  return { name, against: 'what it is to take', unit: 's', ours, theirs: aim, ratio: ours / aim, rounds: times.length }
}
