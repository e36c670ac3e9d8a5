import { mkdtemp, rmdir, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { quoteShellWord } from '../sql/quote.ts'
import { type Finding, failed, look, type Outcome, ok, shell, wordsOf } from './finding.ts'

const GIBIBYTE = 2 ** 30
/** With less, files that one takes for small do not fit. */
const LEAST_BYTES = GIBIBYTE
const OTHER_FOLDERS = ['/var/tmp', '/tmp']

/** Parquet files are copied there while they are read. */
export function checkTempFolder({ tempDir = tmpdir(), spoolLimitBytes = 0 }: Config): Promise<Finding> {
  return look('temporary folder', async () => {
    try {
      await rmdir(await mkdtemp(join(tempDir, 'blobgres-doctor-')))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      return failed(
        wordsOf(error),
        code === 'ENOENT' ? shell(`mkdir -p ${quoteShellWord(tempDir)}`) : await another(tempDir),
      )
    }
    const judged = judgeRoom(tempDir, await roomIn(tempDir), spoolLimitBytes)
    return judged.result === 'ok' ? judged : { ...judged, ...(await another(tempDir)) }
  })
}

export function judgeRoom(folder: string, free: number, spoolLimitBytes: number): Outcome {
  const needed = spoolLimitBytes > 0 ? Math.min(LEAST_BYTES, spoolLimitBytes) : LEAST_BYTES
  const room = `${(free / GIBIBYTE).toFixed(1)} GB free in ${folder}`
  if (free < needed) return failed(`${room}: Parquet files are copied there while they are read`)
  return ok(free < spoolLimitBytes ? `${room}; --parquet-spool-limit allows larger files than that` : room)
}

async function roomIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

async function another(folder: string): Promise<Pick<Outcome, 'fix' | 'advice'>> {
  for (const other of OTHER_FOLDERS.filter(each => each !== folder)) {
    const isThere = await stat(other).then(
      stats => stats.isDirectory(),
      () => false,
    )
    if (isThere && (await roomIn(other)) >= LEAST_BYTES) return shell(`export BLOBGRES_TEMP_DIR=${other}`)
  }
  return { advice: 'Name one with more room with --temp-dir.' }
}
