import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A page in a browser without a window. */
export interface BrowserPage {
  open(url: string): Promise<void>
  /** Has the page say what an expression, or a promise of it, is. */
  evaluate<T>(expression: string): Promise<T>
  /** A key as somebody presses it, such as Tab or Enter. */
  press(key: string): Promise<void>
  /** What the page has asked others than its own origin for, and what its policy has forbidden. */
  readonly strayRequests: readonly string[]
  readonly complaints: readonly string[]
  command(method: string, parameters?: object): Promise<Record<string, unknown>>
  close(): Promise<void>
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, never>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

const FLAGS = [
  ...[
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-extensions',
  ],
  // It reaches nobody but this machine.
  ...['--disable-background-networking', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
]
const KEYS: Readonly<Record<string, { code: string; key: string; windowsVirtualKeyCode: number; text?: string }>> = {
  Tab: { code: 'Tab', key: 'Tab', windowsVirtualKeyCode: 9 },
  Enter: { code: 'Enter', key: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
}

/** Debian's Chromium, told what to do through a pipe (https://chromedevtools.github.io/devtools-protocol). */
export async function startChromium(): Promise<BrowserPage> {
  const profile = await mkdtemp(join(tmpdir(), 'blobgres-chromium-'))
  const args = [...FLAGS, '--remote-debugging-pipe', `--user-data-dir=${profile}`]
  const browser = spawn('chromium', args, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: profile }, // it leaves folders there
  })
  const connection = new Connection(browser)
  const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true })
  const command = (method: string, parameters: object = {}) => connection.send(method, parameters, sessionId as string)
  const strayRequests: string[] = []
  const complaints: string[] = []
  let origin = ''
  connection.onEvent = ({ method, params }) => {
    if (method === 'Network.requestWillBeSent') {
      const { url } = (params as unknown as { request: { url: string } }).request
      if (new URL(url).origin !== origin) strayRequests.push(url)
    }
    if (method === 'Log.entryAdded') complaints.push((params as unknown as { entry: { text: string } }).entry.text)
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params))
  }
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await command(`${domain}.enable`)
  return {
    strayRequests,
    complaints,
    command,
    async open(url) {
      origin = new URL(url).origin
      await command('Page.navigate', { url })
    },
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = await command('Runtime.evaluate', {
        ...{ expression, awaitPromise: true, returnByValue: true },
      })
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
      return (result as { value: T }).value
    },
    async press(key) {
      await command('Input.dispatchKeyEvent', { type: 'keyDown', ...KEYS[key] })
      await command('Input.dispatchKeyEvent', { type: 'keyUp', ...KEYS[key] })
    },
    async close() {
      const ended = once(browser, 'exit')
      browser.kill()
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** Commands and their answers, each behind a NUL. */
class Connection {
  onEvent: (message: Message) => void = () => {}
  readonly #output: Writable
  readonly #waiting = new Map<number, (message: Message) => void>()
  #lastId = 0
  #text = ''

  constructor({ stdio }: ChildProcess) {
    this.#output = stdio[3] as Writable
    const input = stdio[4] as Readable
    input.setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (this.#text + chunk).split('\0')
      this.#text = messages.pop() as string
      for (const message of messages) this.#take(JSON.parse(message))
    })
    this.#output.on('error', () => {}) // it is being ended
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#lastId
    const answered = new Promise<Message>(resolve => this.#waiting.set(id, resolve))
    this.#output.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    const { result, error } = await answered
    if (error) throw new Error(`${method}: ${error.message}`)
    return result ?? {}
  }

  #take(message: Message): void {
    if (message.id === undefined) {
      this.onEvent(message)
      return
    }
    this.#waiting.get(message.id)?.(message)
    this.#waiting.delete(message.id)
  }
}
