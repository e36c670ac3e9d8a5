import { once } from 'node:events'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'

/*
 * How commands reach a stack that runs: by a socket in a folder that nobody else can enter, whose path is in the data folder. No
 * process is ever told anything by its id, which may be another's by now; a socket that nobody listens at is a stack that has gone.
 */

const FILE = 'control.json'
const PREFIX = 'blobgres-control-'
/** The path of a socket has 103 bytes at most. */
const MAX_PARENT_BYTES = 70

/** What a stack does when it is asked to. */
export type Handlers = Readonly<Record<string, (argument: unknown) => Promise<unknown>>>

export interface Control {
  /** Nobody is to find the stack any more. */
  hide(): Promise<void>
  /** When all else has ended. */
  close(): Promise<void>
}

interface Answer {
  readonly result?: unknown
  readonly error?: string
}

/** `stop` asks for the end; who has asked for it gets an answer when it has come. */
export async function startControl(dataDir: string, handlers: Handlers, stop: () => void): Promise<Control> {
  let end = (): void => {}
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  const all: Handlers = {
    ...handlers,
    async stop() {
      stop()
      await ended
    },
  }
  await removeStale(dataDir)
  const parent = Buffer.byteLength(tmpdir()) > MAX_PARENT_BYTES ? '/tmp' : tmpdir()
  const folder = await mkdtemp(join(parent, PREFIX))
  const socket = join(folder, 'socket')
  const server = createServer(async (incoming, response) => {
    const answer = async (): Promise<Answer> => {
      try {
        const { verb, argument } = (await json(incoming)) as { verb: string; argument: unknown }
        const handler = Object.hasOwn(all, verb) ? all[verb] : undefined
        if (handler === undefined) return { error: `this stack is of another version: it knows no "${verb}"` }
        return { result: await handler(argument) }
      } catch (error) {
        return { error: (error as Error).message }
      }
    }
    response.end(JSON.stringify(await answer()))
  })
  server.listen(socket)
  await once(server, 'listening')
  const file = join(dataDir, FILE)
  await writeFile(`${file}.new`, JSON.stringify({ socket }), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return {
    hide: () => rm(file, { force: true }),
    async close() {
      end()
      const closed = once(server, 'close')
      server.close() // answers that are under way get out
      await closed
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What the stack of a data folder answers; undefined where none runs. @throws what it has failed with */
export async function askStack(dataDir: string, verb: string, argument?: unknown): Promise<unknown> {
  const socketPath = await socketOf(dataDir)
  if (socketPath === undefined) return undefined
  const sent = request({ socketPath, method: 'POST', path: '/', agent: false })
  sent.end(JSON.stringify({ verb, argument }))
  try {
    const [response] = await once(sent, 'response')
    const { result = null, error } = (await json(response)) as Answer
    if (error !== undefined) throw new Error(error)
    return result
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined
    if (code === 'ECONNRESET') throw new Error('the stack has ended meanwhile')
    throw error
  }
}

async function socketOf(dataDir: string): Promise<string | undefined> {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as { socket: string }).socket
}

/** Of a stack that was killed: whoever starts here holds the lock. */
async function removeStale(dataDir: string): Promise<void> {
  const socket = await socketOf(dataDir).catch(() => undefined)
  const [folder] = /^.*\/blobgres-control-\w+(?=\/socket$)/.exec(socket ?? '') ?? []
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}
