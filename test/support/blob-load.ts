import type pg from 'pg'

export interface BlobLoad {
  readonly clients: readonly pg.Client[]
  /** Account and container, as the first arguments of the functions. */
  readonly args: string
  readonly milliseconds: number
  /** A failure that ends only the round: nothing of it is there. */
  readonly isTransient?: (error: unknown) => boolean
}

const CODERS = ['csv', 'tsv', 'binary'] as const
const COMPRESSIONS = ['none', 'gzip'] as const

/** What a table `loaded (session int, n int, pad text)` has got, and which blobs there are. */
export interface LoadResult {
  readonly rows: number
  readonly paths: ReadonlySet<string>
  readonly rounds: number
}

/** Each client writes a blob, loads it into the table, lists it, and again: until the time is over, or something is wrong. */
export async function runBlobLoad({
  clients,
  args,
  milliseconds,
  isTransient = () => false,
}: BlobLoad): Promise<LoadResult> {
  const end = Date.now() + milliseconds
  const paths = new Set<string>()
  let rows = 0
  let rounds = 0
  const check = (what: string, actual: unknown, expected: unknown): void => {
    if (actual !== expected) throw new Error(`${what}: ${actual} instead of ${expected}`)
  }
  const play = async (client: pg.Client, session: number, round: number): Promise<void> => {
    const coder = CODERS[(session + round) % CODERS.length]
    const compression = COMPRESSIONS[round % COMPRESSIONS.length]
    const path = `load/${session}/${round % 4}`
    const count = 1 + ((session * 131 + round * 977) % 2500)
    paths.add(path)
    await client.query(
      `SELECT azure_storage.blob_put(${args}, '${path}', q, '${coder}', '${compression}')
       FROM (SELECT ${session} AS session, n, repeat('ü', n % 40) AS pad FROM generate_series(1, ${count}) n) q`,
    )
    const { rowCount } = await client.query(
      `INSERT INTO loaded SELECT * FROM azure_storage.blob_get(${args}, '${path}', '${coder}', '${compression}')
         AS t (session int, n int, pad text) WHERE session = ${session} AND pad = repeat('ü', n % 40)`,
    )
    check(`rows of ${path} (${coder}, ${compression})`, rowCount, count)
    const listed = await client.query(`SELECT path FROM azure_storage.blob_list(${args}, '${path}')`)
    check(`listing of ${path}`, listed.rows.map(row => row.path).join(), path)
    rows += count
    rounds++
  }
  const work = async (client: pg.Client, session: number): Promise<void> => {
    for (let round = 0; Date.now() < end; round++) {
      await play(client, session, round).catch(error => {
        if (!isTransient(error)) throw error
      })
    }
  }
  await Promise.all(clients.map(work))
  return { rows, paths, rounds }
}
