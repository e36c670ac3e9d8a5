import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { azurite } from './servers.ts'

/** What becomes of the n-th request (from 0): undefined passes Azurite's answer on, else it is given by the function. */
export type Answer = (response: http.ServerResponse, real: { headers: http.IncomingHttpHeaders; body: Buffer }) => void

export interface TamperedAnswers {
  /** As StorageEndpoints wants it. */
  readonly endpointTemplate: string
  /** The headers of the requests that came. */
  readonly requests: readonly http.IncomingHttpHeaders[]
  close(): Promise<void>
}

/** Stands before Azurite and answers some requests in another way. */
export async function startTamperedAnswers(
  answerTo: (request: number) => Answer | undefined,
): Promise<TamperedAnswers> {
  const requests: http.IncomingHttpHeaders[] = []
  const server = http.createServer(async (request, response) => {
    const answer = answerTo(requests.push(request.headers) - 1)
    const { method, url, headers } = request
    const forwarded = http.request({ host: azurite.host, port: azurite.port, method, path: url, headers, agent: false })
    request.pipe(forwarded)
    forwarded.on('response', async real => {
      const body = Buffer.concat(await real.toArray())
      if (answer) return answer(response, { headers: real.headers, body })
      response.writeHead(real.statusCode as number, real.headers)
      response.end(body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpointTemplate: `http://127.0.0.1:${port}/{account}`,
    requests,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
