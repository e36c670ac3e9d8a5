import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface AnsweringStorage {
  /** The endpoint of an account that answers every request with this. */
  endpoint(status: number, code: string): string
  close(): Promise<void>
}

/** A storage service that refuses every request as Azure does, with the status and code that its URL begins with. */
export async function startAnsweringStorage(): Promise<AnsweringStorage> {
  const server = createServer((request, response) => {
    const [, status, code = ''] = (request.url ?? '').split('/')
    request.resume().once('end', () => {
      response.writeHead(Number(status), {
        'content-type': 'application/xml',
        'x-ms-error-code': code,
        'x-ms-request-id': '00000000-0000-0000-0000-000000000000',
        'x-ms-version': '2026-02-06',
      })
      response.end(
        `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
      )
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: (status, code) => `http://127.0.0.1:${port}/${status}/${code}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
