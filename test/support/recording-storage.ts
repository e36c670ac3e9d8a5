import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'

export interface RecordingStorage {
  readonly port: number
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** The requests that came, without their bodies. */
  readonly requests: IncomingMessage[]
  /** Answers all requests from now on; a missing blob unless told otherwise. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
  close(): Promise<void>
}

/** A storage service that remembers what it was asked, and answers as it is told to. */
export async function startRecordingStorage(): Promise<RecordingStorage> {
  const server = createServer((request, response) => {
    storage.requests.push(request)
    request.resume().once('end', () => storage.answer(request, response))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const storage: RecordingStorage = {
    port,
    endpointTemplate: `http://127.0.0.1:${port}/{account}`,
    requests: [],
    answer: refusal(404, 'BlobNotFound'),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return storage
}

/** As Azure refuses a request. */
export function refusal(status: number, code: string): RecordingStorage['answer'] {
  return (request, response) => {
    response.writeHead(status, {
      'content-type': 'application/xml',
      'x-ms-error-code': code,
      'x-ms-request-id': '00000000-0000-0000-0000-000000000000',
    })
    response.end(request.method === 'HEAD' ? undefined : `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`)
  }
}

/** The same, with the status and code that a URL begins with. */
export const refusalInUrl: RecordingStorage['answer'] = (request, response) => {
  const [, status, code = ''] = (request.url ?? '').split('/')
  refusal(Number(status), code)(request, response)
}

/** Where this process connects to, as `host:port` or the path of a Unix socket, until `stop` is called. */
export function recordConnections(): { readonly targets: Set<string>; stop(): void } {
  const targets = new Set<string>()
  const { connect } = Socket.prototype
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    // What net.connect() passes on is one array, with the options at its head; others call with port and host.
    const first = Array.isArray(args[0]) ? args[0][0] : args[0]
    const { path, host, port } = typeof first === 'object' ? first : { path: undefined, host: args[1], port: first }
    targets.add(path ?? `${host ?? 'localhost'}:${port}`)
    return Reflect.apply(connect, this, args)
  } as typeof connect
  return {
    targets,
    stop: () => {
      Socket.prototype.connect = connect
    },
  }
}
