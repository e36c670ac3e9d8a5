import { afterEach, expect, test } from 'vitest'
import { ReaderLane, type ReadRequest, UnreadText } from '../../../src/sql/reader-lane.ts'
import { isSmall } from '../../../src/sql/text-reader.ts'

const settings = {
  encoding: 'UTF8',
  standardConformingStrings: true,
  endpoints: { defaultTemplate: 'https://{account}.blob.core.windows.net', accounts: new Map() },
}
const COPY = "COPY t FROM 'https://acct.blob.core.windows.net/cont/f.csv?sig=KEY'"
/** PostgreSQL's lexer looks at all the rest for each: this would take minutes. */
const HARD = '/*'.repeat(500_000)

const lanes: ReaderLane[] = []
afterEach(() => {
  for (const lane of lanes.splice(0)) lane.close()
})
function newLane(limitMs = 20_000, heapMb?: number): ReaderLane {
  const lane = new ReaderLane(limitMs, heapMb)
  lanes.push(lane)
  return lane
}
const request = (text: string, { client = 'one', signal = new AbortController().signal } = {}): ReadRequest => ({
  text,
  settings,
  client,
  signal,
})

test('what a thread has read is what the statements are, and shows no secret', async () => {
  const lane = newLane()
  const [pass, copy, refuse] = (await lane.read(request(`SELECT 1; SELECT 2; ${COPY}; COPY t FROM 'http://x'`))) ?? []
  expect(pass).toEqual({ kind: 'pass', start: 0, end: 18, count: 2 })
  expect(copy).toMatchObject({ kind: 'copy', copy: { relation: '"t"', url: { account: 'acct', path: 'f.csv' } } })
  expect(copy?.kind === 'copy' && copy.copy.url.sas).toBe('sig=KEY')
  expect(JSON.stringify(copy)).not.toContain('KEY')
  expect(refuse).toMatchObject({ kind: 'refuse', error: { code: '22023', hint: expect.any(String) } })
  expect(await lane.read(request('SELECT 1'))).toBeUndefined()
})

test('a text that takes too long is given up, and the next has another thread', async () => {
  const lane = newLane(200)
  await expect(lane.read(request(HARD))).rejects.toThrow(UnreadText)
  await expect.poll(async () => (await lane.read(request(COPY)).catch(() => []))?.length).toBe(1)
})

test('so is one that takes too much memory', async () => {
  const lane = newLane(20_000, 24)
  await expect(lane.read(request(`SELECT account_add(${'a,'.repeat(100_000)} a)`))).rejects.toThrow('OUT_OF_MEMORY')
  expect(await lane.read(request(COPY))).toHaveLength(1)
})

test('a text too deep for the parser leaves no thread behind that fails', async () => {
  const lane = newLane()
  const deep = `${COPY} WHERE ${'1+'.repeat(50_000)}1 > 0`
  expect(await lane.read(request(deep))).toMatchObject([{ error: { code: '54001' } }])
  expect(await lane.read(request(COPY))).toMatchObject([{ kind: 'copy' }])
})

test('the reading ends with its signal, under way or not', async () => {
  const lane = newLane()
  const [running, waiting, before] = [new AbortController(), new AbortController(), AbortSignal.abort(new Error('0'))]
  const first = lane.read(request(HARD, { signal: running.signal }))
  const second = lane.read(request(HARD, { signal: waiting.signal }))
  const third = lane.read(request(COPY))
  await expect(lane.read(request(COPY, { signal: before }))).rejects.toThrow('0')
  waiting.abort(new Error('2'))
  await expect(second).rejects.toThrow('2')
  running.abort(new Error('1'))
  await expect(first).rejects.toThrow('1')
  expect(await third).toHaveLength(1)
})

test('clients take turns, however many texts each has', async () => {
  const lane = newLane()
  const order: string[] = []
  const read = (client: string, name: string) => lane.read(request(COPY, { client })).then(() => order.push(name))
  await Promise.all([
    read('a', 'a1'),
    read('a', 'a2'),
    read('a', 'a3'),
    read('b', 'b1'),
    read('c', 'c1'),
    read('b', 'b2'),
  ])
  expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2'])
})

test('a closed lane leaves nothing waiting', async () => {
  const lane = newLane()
  const reads = [lane.read(request(HARD)), lane.read(request(COPY))]
  lane.close()
  expect(await Promise.allSettled(reads)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
})

test('small is what has few chars, and no long run of those of operators', () => {
  expect(isSmall(COPY)).toBe(true)
  expect(isSmall('a'.repeat(1024))).toBe(true)
  expect(isSmall('a'.repeat(1025))).toBe(false)
  expect(isSmall(`${COPY} ${'+'.repeat(64)}`)).toBe(false)
  expect(isSmall('/**/'.repeat(16))).toBe(false)
})
