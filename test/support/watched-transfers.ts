import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Activity, TransfersView, TransferView } from '../../src/http/api.ts'
import type { BrowserPage } from './chromium.ts'
import { askJson } from './http-requests.ts'

const LOOK_MS = 100
const LIMIT_MS = 600_000

/** Where transfers can be begun and seen. */
export interface Observatory {
  /** Of a database behind the proxy, for psql. */
  readonly url: string
  /** Of the status page, which `page` shows. */
  readonly origin: string
  readonly page: BrowserPage
}

/** What was seen of one transfer, in the order in which it came. */
export interface Sightings {
  /** psql's status, and what else it said. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly notices: readonly string[]
  /** How far the bar was; of how much: undefined where nobody knows how much it will be. */
  readonly bar: readonly (number | undefined)[]
  /** What stands beside the bar. */
  readonly words: readonly string[]
  readonly api: readonly TransferView[]
  readonly events: readonly TransferView[]
  /** blobgres_transfer_bytes_total of the direction. */
  readonly metric: readonly number[]
  readonly finished: TransferView
}

/** Values that are larger than all before them. */
export const growth = (values: readonly number[]): number =>
  values.filter((value, i) => values.slice(0, i).every(before => value > before)).length

/** Runs a statement in psql, which wants notices, and looks at the transfer of that blob everywhere until it has ended. */
export async function watchTransfer(
  { url, origin, page }: Observatory,
  { path, direction, sql }: { readonly path: string; readonly direction: string; readonly sql: string },
): Promise<Sightings> {
  const isIt = (each: TransferView): boolean => each.path === path && each.direction === direction
  const over = new AbortController()
  const [bar, words, api, metric]: [(number | undefined)[], string[], TransferView[], number[]] = [[], [], [], []]
  const heard = listen(origin, over.signal, activity => activity.live.find(isIt))
  const running = runPsql(url, sql)
  const looks = [
    async () => {
      const shown = await page.evaluate<{ path: string; value: number; words: string } | null>(shownOf(path, direction))
      if (!shown) return
      bar.push(shown.value < 0 ? undefined : shown.value)
      words.push(shown.words)
    },
    async () => {
      const { live } = (await askJson(`${origin}/api/transfers`)) as TransfersView
      api.push(...live.filter(isIt))
    },
    async () => {
      metric.push(await bytesOf(origin, direction))
    },
  ].map(look => everySoOften(look, over.signal))
  const { status, stdout, stderr } = await running
  over.abort()
  await Promise.all(looks)
  const events = await heard
  const { finished } = (await askJson(`${origin}/api/transfers`)) as TransfersView
  const ended = finished.find(isIt)
  if (ended === undefined) throw new Error(`${path} has not ended: ${stderr}`)
  const notices = [...stderr.matchAll(/^NOTICE: {2}(azure_storage: .*)$/gm)].map(([, notice]) => notice as string)
  return { status, stdout, stderr, notices, bar, words, api, events, metric, finished: ended }
}

async function runPsql(url: string, sql: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const args = ['-X', '-A', '-t', '-d', url, '-c', 'SET blobgres.progress = on', '-c', sql]
  const child = spawn('psql', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
  const exit = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  const [status, stdout, stderr] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  return { status, stdout, stderr }
}

async function everySoOften(look: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await look()
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {})
  }
}

/** In the page: what it shows of one; -1 for a bar that does not say how far. */
const shownOf = (path: string, direction: string): string => `(() => {
  const item = [...document.querySelectorAll('#transfers li.${direction}')]
    .find(each => each.querySelector('.path').textContent === ${JSON.stringify(path)})
  const bar = item?.querySelector('progress')
  return bar ? { value: bar.position < 0 ? -1 : bar.value, words: item.querySelector('.progress').textContent } : null
})()`

export async function bytesOf(origin: string, direction: string): Promise<number> {
  const response = await fetch(`${origin}/metrics`)
  const line = new RegExp(`^blobgres_transfer_bytes_total\\{direction="${direction}"\\} (\\S+)$`, 'm')
  return Number(line.exec(await response.text())?.[1])
}

async function listen(
  origin: string,
  signal: AbortSignal,
  pick: (activity: Activity) => TransferView | undefined,
): Promise<TransferView[]> {
  const heard: TransferView[] = []
  try {
    const { body } = await fetch(`${origin}/api/events`, { signal })
    let rest = ''
    for await (const chunk of (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const events = (rest + chunk).split('\n\n')
      rest = events.pop() as string
      for (const event of events) {
        const seen = pick(JSON.parse(/^event: activity\ndata: (.*)$/.exec(event)?.[1] ?? ''))
        if (seen) heard.push(seen)
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return heard
}
