import { readBindValues, withBindValues } from '../protocol/bind.ts'
import type { Frame } from '../protocol/frame-assembler.ts'
import { MAX_CREDENTIAL_LENGTH, type Secret, sealedSecret } from '../sql/account-secrets.ts'
import type { SealOne } from '../sql/credential-config.ts'
import { decodeText } from '../sql/encoding.ts'

/** The binary form of jsonb is this byte and its text; that of the other types is their text. */
const JSONB_VERSION = 1

/** A Bind message with the credentials among its values sealed. */
export function sealParameters(frame: Frame, secrets: readonly Secret[], encoding: string, seal: SealOne): Buffer {
  const bound = readBindValues(frame)
  if (bound === undefined) return frame.bytes
  // What is too long for a credential is not read.
  const textOf = (value: Buffer): string => {
    const text = value.toString('latin1')
    return value.length > MAX_CREDENTIAL_LENGTH ? text : decodeText(text, encoding)
  }
  const values = [...bound.values]
  for (const { form, source, account } of secrets) {
    const value = 'parameter' in source ? bound.values[source.parameter - 1] : undefined
    if (!('parameter' in source) || value === undefined || value.length === 0) continue
    const accountValue = account && 'parameter' in account ? bound.values[account.parameter - 1] : undefined
    const name = account && 'text' in account ? account.text : accountValue && textOf(accountValue)
    const head = form === 'config' && value[0] === JSONB_VERSION ? value.subarray(0, 1) : Buffer.alloc(0)
    const sealed = sealedSecret(form, textOf(value.subarray(head.length)), name, seal)
    values[source.parameter - 1] = Buffer.concat([head, Buffer.from(sealed)])
  }
  return withBindValues(frame, { ...bound, values })
}
