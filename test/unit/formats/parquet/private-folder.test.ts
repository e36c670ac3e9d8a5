import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFifos, privateFolder, sweepPrivateFolders } from '../../../../src/formats/parquet/private-folder.ts'

let temp: string
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'private-folder-'))
})
afterEach(() => rmSync(temp, { recursive: true, force: true }))

const SOURCE = join(import.meta.dirname, '../../../../src/formats/parquet/private-folder.ts')
const LONG_AGO = new Date(Date.now() - 86_400_000)

/** A process that has a private folder with a file in it, and then does what `end` says. */
async function endOfProcess(end: string): Promise<void> {
  const script = `import { writeFileSync } from 'node:fs'
    import { privateFolder } from ${JSON.stringify(SOURCE)}
    const folder = await privateFolder(${JSON.stringify(temp)})
    writeFileSync(folder + '/rows', '')
    ${end}`
  const path = join(temp, 'process.mts')
  await writeFile(path, script)
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), path], { stdio: 'ignore' })
  await new Promise(resolve => child.once('exit', resolve))
  rmSync(path)
}

test('it is one, which nobody else enters', async () => {
  const [first, second] = await Promise.all([privateFolder(temp), privateFolder(temp)])
  expect(second).toBe(first)
  expect(await privateFolder(temp)).toBe(first)
  expect(statSync(first).mode & 0o777).toBe(0o700)
  expect(readdirSync(temp)).toHaveLength(1)
})

test('it is made anew when somebody has cleaned up', async () => {
  const first = await privateFolder(temp)
  rmSync(first, { recursive: true })
  const second = await privateFolder(temp)
  expect(readdirSync(second)).toEqual(['alive'])
})

test.each([
  ['returns', ''],
  ['exits', 'process.exit(3)'],
  ['fails', 'process.removeAllListeners(); Promise.reject(null)'],
  ['is killed', "process.kill(process.pid, 'SIGKILL')"],
])('it goes when its process %s', async (_, end) => {
  await endOfProcess(end)
  await expect.poll(() => readdirSync(temp)).toEqual([])
})

test('a sweep removes what the dead left, and nothing else', async () => {
  const alive = await privateFolder(temp)
  // As when the machine loses its power: nobody was left to remove it.
  const dead = join(temp, 'blobgres-parquet-dead42')
  await mkdir(dead)
  await makeFifos([join(dead, 'alive')])
  const foreign = join(temp, 'blobgres-parquet-foreign')
  await mkdir(foreign)
  await sweepPrivateFolders(temp)
  expect(readdirSync(temp).sort()).toEqual([alive, foreign].map(path => path.slice(temp.length + 1)).sort())
  utimesSync(foreign, LONG_AGO, LONG_AGO)
  await sweepPrivateFolders(temp)
  expect(readdirSync(temp)).toEqual([alive.slice(temp.length + 1)])
})

test('a sweep of a folder that is not there does nothing', async () => {
  await sweepPrivateFolders(join(temp, 'none'))
})
