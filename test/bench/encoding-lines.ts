import { join } from 'node:path'
import { type BenchStack, sql } from './bench-stack.ts'
import { COLUMNS } from './copy-lines.ts'
import { compare, type Line, seconds } from './measure.ts'

/** What each row of `ev` has in the encoding. */
const TEXTS = {
  UHC: '각 페이로드 안의 쉼표, 때문에 따옴표가 있는 똠방각하 ',
  LATIN1: 'une charge utile à côté, entre guillemets ',
}

/** blob_get() of files in other encodings against one of the same rows in UTF-8, and against the server's own COPY. */
export async function encodingLines(stack: BenchStack, rounds: number): Promise<Line[]> {
  const { directPort, proxyPort, dir, container, account } = stack
  const counted = (path: string, encoding: string): Promise<number> =>
    seconds(() =>
      sql(
        proxyPort,
        `SELECT count(*) FROM azure_storage.blob_get('${account}', 'bench', '${path}',
           options := azure_storage.options_csv_get(content_encoding := '${encoding}')) AS t (${COLUMNS})`,
      ),
    )
  const copied = async (file: string, encoding: string): Promise<number> => {
    await sql(directPort, 'TRUNCATE target')
    return await seconds(() => sql(directPort, `COPY target FROM '${file}' WITH (FORMAT csv, ENCODING '${encoding}')`))
  }
  const lines: Line[] = []
  for (const [encoding, text] of Object.entries(TEXTS)) {
    for (const each of ['UTF8', encoding]) {
      const rows = `SELECT id, user_id, kind, '${text}' || id, amount, at FROM ev`
      await sql(directPort, `COPY (${rows}) TO '${join(dir, `${each}.csv`)}' WITH (FORMAT csv, ENCODING '${each}')`)
      await container.getBlockBlobClient(`${each}.csv`).uploadFile(join(dir, `${each}.csv`))
    }
    const ours = (): Promise<number> => counted(`${encoding}.csv`, encoding)
    lines.push(
      await compare(`count(*) of blob_get(…), ${encoding}`, 'the same in UTF-8', 's', rounds, ours, () =>
        counted('UTF8.csv', 'UTF8'),
      ),
      await compare(`count(*) of blob_get(…), ${encoding}`, 'server-side COPY FROM', 's', rounds, ours, () =>
        copied(join(dir, `${encoding}.csv`), encoding),
      ),
    )
  }
  return lines
}
