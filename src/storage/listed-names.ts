/** What is read and changed of the SDK's answer. */
interface Answer {
  bodyAsText?: string | null
}

const REFERRING_NAME = /<Name>([^<]*&#[^<]*)<\/Name>/g
const REFERENCE = /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi
const CHARACTERS: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * The SDK's XML parser leaves a reference by number, as a carriage return must be written, for what it is. So a name with
 * one is given to it in the other form that the service has for names, percent-encoded, which it reads.
 */
export const nameReferences = {
  name: 'nameReferences',
  async sendRequest<Request, Response extends Answer>(
    request: Request,
    next: (request: Request) => Promise<Response>,
  ): Promise<Response> {
    const response = await next(request)
    if (response.bodyAsText?.includes('&#')) response.bodyAsText = encodeNames(response.bodyAsText)
    return response
  },
}

const encodeNames = (xml: string): string =>
  xml.replace(
    REFERRING_NAME,
    (_, name: string) => `<Name Encoded="true">${encodeURIComponent(withoutReferences(name))}</Name>`,
  )

function withoutReferences(text: string): string {
  return text
    .replace(REFERENCE, (whole, hex: string | undefined, decimal: string | undefined, word: string | undefined) => {
      if (word !== undefined) return CHARACTERS[word.toLowerCase()] ?? whole
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    })
    .replace(/\p{Surrogate}/gu, '\ufffd')
}
