/** Seals one credential of the account it is given with; without one, of the account that the statement is for. */
export type SealOne = (clear: string, account?: string, form?: 'passphrase') => string

/** Keys of account_add(jsonb) whose values are no credentials; whatever else is given may be one, in the wrong place. */
const OPEN_KEYS: ReadonlySet<string> = new Set(['name', 'auth_type', 'type', 'storage_type'])

/** More strings than this are no configuration: to seal them would only take time. */
const MAX_STRINGS = 4

/** A JSON configuration for account_add() with its credentials sealed, in ASCII. What is no JSON at all is made unreadable. */
export function sealConfig(json: string, seal: SealOne): string {
  let config: unknown
  try {
    config = JSON.parse(json)
  } catch {
    return json.replace(/[^\s{}[\]:,"]/g, '*')
  }
  let strings = 0
  const { name } = (config ?? {}) as { name?: unknown }
  const account = typeof name === 'string' ? name : undefined
  const sealed = JSON.stringify(config, (key, value) =>
    typeof value === 'string' && value !== '' && !OPEN_KEYS.has(key) && ++strings <= MAX_STRINGS
      ? seal(value, account)
      : value,
  )
  if (strings > MAX_STRINGS) return json.replace(/[^\s{}[\]:,"]/g, '*')
  return sealed.replace(/[\x80-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether a literal is a configuration, wherever it stands. */
export function isConfig(text: string): boolean {
  if (!text.includes('"credentials"')) return false
  try {
    return typeof JSON.parse(text)?.credentials === 'string'
  } catch {
    return false
  }
}
