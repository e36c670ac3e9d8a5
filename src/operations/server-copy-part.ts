import { isMac, mac } from '../credentials/mac.ts'
import { type Recipient, type SealingKey, sealForStatement } from '../credentials/sealing.ts'
import { planCopy } from '../sql/copy-plan.ts'
import type { CopyStatement } from '../sql/copy-statement.ts'

const PURPOSE = 'blobgres/2 copy'

/** A COPY in parts, which its `proof` shows to be ours when it comes back. */
export interface CopyPart {
  readonly plan: string
  readonly proof: string
  readonly sas: string | null
}

/** `text`: the query text that the statement is from. */
export function copyPart(
  copy: CopyStatement,
  { text, encoding }: { readonly text: string; readonly encoding: string },
  recipient: Omit<Recipient, 'account'>,
  key: SealingKey,
): CopyPart {
  const plan = asciiJson(planCopy(copy, text, encoding))
  const { account, sas } = copy.url
  return {
    plan,
    proof: mac(key, PURPOSE, plan),
    sas: sas === undefined ? null : sealForStatement(sas, { ...recipient, account }, key),
  }
}

/** The same in every encoding. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\x7f-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

export const isOurPlan = (plan: string, proof: string, key: SealingKey): boolean => isMac(proof, key, PURPOSE, plan)
