import { parseCredential } from './credential.ts'

const KEY_BYTES = 64
const SIGNATURE_BYTES = 32
/** A clock that is behind by less does not matter. */
const CLOCK_TOLERANCE_MS = 5 * 60_000
const KEY_OR_SAS = 'an access key or a SAS token'

/**
 * What makes it improbable that a registered credential works, as the predicate of a sentence, without anything of the
 * credential's but dates and lengths, and in ASCII. The service alone knows whether it does.
 */
export function whatIsWrong(credential: string, now = Date.now()): string | undefined {
  if (credential === '') return `is empty, and not ${KEY_OR_SAS}`
  if (
    /(?:^|;)\s*(?:DefaultEndpointsProtocol|AccountName|AccountKey|SharedAccessSignature|\w+Endpoint)=/i.test(credential)
  ) {
    return 'is a connection string, and not the AccountKey or SharedAccessSignature in it'
  }
  if (/^\s*https?:/i.test(credential)) return `is a URL, and not ${KEY_OR_SAS}, which is what follows the "?" in it`
  if (/\s/.test(credential)) return `has white space in it, and is not ${KEY_OR_SAS}`
  if (/^eyJ[\w-]+\.[\w-]+\./.test(credential)) return `is an access token, and not ${KEY_OR_SAS}`
  if (credential.includes('sig=')) return whatIsWrongWithSas(credential.replace(/^\?/, ''), now)
  if (/(?:^|[?&])(?:sv|se|sp|sr|ss)=/.test(credential)) return 'is a SAS token without its signature, sig'
  const bytes = bytesOfBase64(credential)
  if (bytes === undefined) {
    return `is not an access key, which is base64 of ${KEY_BYTES} bytes, nor a SAS token, which has sv and sig`
  }
  if (bytes !== KEY_BYTES) return `is not an access key, which is base64 of ${KEY_BYTES} bytes, but of ${bytes}`
  return undefined
}

function whatIsWrongWithSas(query: string, now: number): string | undefined {
  try {
    parseCredential(query)
  } catch {
    return 'is not a SAS token, which is name=value and the like with "&" between'
  }
  const parameters = new Map(
    query.split('&').map(parameter => {
      const [name = '', value = ''] = parameter.split(/=(.*)/s)
      return [name, decodeURIComponent(value)]
    }),
  )
  const has = (name: string): boolean => parameters.has(name)
  const time = (name: string): number | undefined =>
    has(name) ? Date.parse(parameters.get(name) as string) : undefined
  if (!has('sv')) return 'is a SAS token without its version, sv'
  if (bytesOfBase64(parameters.get('sig') as string) !== SIGNATURE_BYTES) {
    return `is a SAS token whose signature, sig, is not base64 of ${SIGNATURE_BYTES} bytes`
  }
  if (!has('si') && !(has('se') && has('sp'))) return 'is a SAS token without se and sp, and without a policy, si'
  if (!has('sr') && !has('ss')) return 'is a SAS token that says neither sr nor ss, what it is for'
  if (has('ss') && !parameters.get('ss')?.includes('b')) return 'is a SAS token for other services than blobs, by ss'
  if (has('srt') && !parameters.get('srt')?.includes('o')) return 'is a SAS token that is not for objects, by srt'
  const [start, end] = [time('st'), time('se')]
  if (Number.isNaN(start) || Number.isNaN(end)) return 'is a SAS token whose st or se is not a date'
  if (end !== undefined && end <= now) return `is a SAS token that expired at ${shown(end)}`
  if (start !== undefined && start > now + CLOCK_TOLERANCE_MS) {
    return `is a SAS token that is not valid before ${shown(start)}`
  }
  return undefined
}

const shown = (time: number): string => new Date(time).toISOString().replace(/\.\d+/, '')

/** How many bytes a text is base64 of. */
function bytesOfBase64(text: string): number | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes.length : undefined
}
