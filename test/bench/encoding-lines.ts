import { join } from 'node:path'
import { type BenchStack, sql } from './bench-stack.ts'
import { COLUMNS } from './copy-lines.ts'
import { type Pair, seconds } from './measure.ts'

/** What each row of `ev` has in the encoding. */
const TEXTS = {
  UHC: '각 페이로드 안의 쉼표, 때문에 따옴표가 있는 똠방각하 ',
  LATIN1: 'une charge utile à côté, entre guillemets ',
}

/** blob_get() of files in other encodings against one of the same rows in UTF-8, and against the server's own COPY. */
export async function encodingLines(stack: BenchStack): Promise<Pair[]> {
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
  const lines: Pair[] = []
  for (const [encoding, text] of Object.entries(TEXTS)) {
    const rows = `SELECT id, user_id, kind, '${text}' || id, amount, at FROM ev`
    const [same, inUtf8] = [`${encoding}.csv`, `${encoding}-in-utf8.csv`]
    for (const [name, written] of [
      [same, encoding],
      [inUtf8, 'UTF8'],
    ] as const) {
      const file = join(dir, name)
      await sql(directPort, `COPY (${rows}) TO '${file}' WITH (FORMAT csv, ENCODING '${written}')`)
      await container.getBlockBlobClient(name).uploadFile(file)
    }
    const ours = { name: `count(*) of blob_get(…), ${encoding}`, unit: 's', ours: () => counted(same, encoding) }
    lines.push(
      { ...ours, against: 'the same in UTF-8', theirs: () => counted(inUtf8, 'UTF8') },
      { ...ours, against: 'server-side COPY FROM', theirs: () => copied(join(dir, same), encoding) },
    )
  }
  return lines
}
