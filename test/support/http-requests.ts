import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface HttpAnswer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** With any header, those too that fetch() does not let one set. */
export async function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<HttpAnswer> {
  const sent = request(url, { method, headers, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

export const askJson = async (url: string): Promise<unknown> => JSON.parse((await ask(url)).body)

/** That a page has, to be allowed to change something. */
export async function tokenOf(origin: string): Promise<string> {
  return /name="token" content="([0-9a-f]{64})"/.exec((await ask(`${origin}/`)).body)?.[1] ?? ''
}
