import { isConfig, type SealOne, sealConfig } from './credential-config.ts'
import { type Call, type Node, partsOf, readValue, type Value } from './expressions.ts'
import { namesAccountAdd, type RawStatement, type TextSettings } from './query-text.ts'
import { quoteLiteral } from './quote.ts'
import { type Rewrite, rewriteParts } from './rewrite.ts'
import { mayHoldCredential } from './scan.ts'

/** A credential that a statement gives to account_add(): to be sealed before the backend, its logs and views see it. */
export interface Secret {
  /** The credential itself, a JSON configuration that holds it, a passphrase, or what must only become unreadable. */
  readonly form: 'credential' | 'config' | 'passphrase' | 'mask'
  readonly source: Value
  /** The account's name, where the statement tells it. */
  readonly account: Value | undefined
}

export interface AccountSecrets {
  readonly secrets: readonly Secret[]
  /** account_add() is called with its schema; else it may be somebody else's function. */
  readonly isCertain: boolean
}

/** Arguments in the order of the functions' declarations. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  account_add: ['account_name_p', 'account_key_p'],
  account_options: ['name', 'auth_type', 'storage_type', 'credentials'],
  account_options_credentials: ['name', 'credentials', 'type'],
}
/** Arguments that are no credentials; whatever else is given may be one, in the wrong place. */
const OPEN_ARGUMENTS: ReadonlySet<string> = new Set(['account_name_p', 'name', 'auth_type', 'storage_type', 'type'])
const BUILD_OBJECT: ReadonlySet<string> = new Set(['jsonb_build_object', 'json_build_object'])

type Read = (expression: Node) => Value | undefined

/** What a statement with a call of account_add() gives away. */
export function accountSecrets(raw: RawStatement, text: string, settings: TextSettings): AccountSecrets | undefined {
  if (raw.reading === 'broken') return brokenSecrets(raw, text)
  if (!raw.tokens.some(namesAccountAdd)) return undefined
  const { calls, constants, parameters } = partsOf(raw.node)
  const ours = calls.filter(
    ({ schema, name }) => (schema ?? 'azure_storage') === 'azure_storage' && Object.hasOwn(ARGUMENTS, name),
  )
  const adds = ours.filter(({ name }) => name === 'account_add')
  if (adds.length === 0) return undefined
  const read = (expression: Node) => readValue(expression, raw, settings.encoding)
  const found = [
    ...ours.flatMap(call => secretsOfCall(call, read)),
    ...calls.filter(({ name }) => BUILD_OBJECT.has(name)).flatMap(({ args }) => secretsOfObject(args, read)),
  ]
  for (const constant of constants) {
    const source = read(constant)
    if (source && 'text' in source && isConfig(source.text)) found.push({ form: 'config', source, account: undefined })
  }
  const secrets = withoutDoubles(found, parameters)
  return secrets.length > 0 ? { secrets, isCertain: adds.some(({ schema }) => schema !== undefined) } : undefined
}

/**
 * A text that PostgreSQL will refuse, and quote in its log: nothing of it runs, so its literals may change. Those of a
 * call of account_add() do, and any that holds a SAS; where they cannot be told apart, all that follows the first quote.
 */
function brokenSecrets({ tokens }: RawStatement, text: string): AccountSecrets | undefined {
  if (tokens.length === 0) {
    // It ends inside of a literal, or of a comment.
    const opening = mayHoldCredential(text) ? OPENING.exec(text) : null
    if (opening === null) return undefined
    // On a new line, as it may stand in a comment: the text must not run now.
    return { secrets: [masked(opening.index, text.length, `\n${opening[0]}***`)], isCertain: true }
  }
  const all = tokens.some(namesAccountAdd)
  const literals = tokens.filter(
    token => /^(\w?'|u&'|\$.*\$)/is.test(token.text) && (all || token.text.includes('sig=')),
  )
  if (literals.length === 0) return undefined
  return { secrets: literals.map(({ start, end }) => masked(start, end, "'***'")), isCertain: true }
}

/** Where the first literal of a text may begin. */
const OPENING = /['"]|\$(?:[a-z_]\w*)?\$/i

export const masked = (start: number, end: number, text: string): Secret => ({
  form: 'mask',
  source: { start, end, text },
  account: undefined,
})

function secretsOfCall({ name, args }: Call, read: Read): Secret[] {
  const positions = name === 'account_add' && args.length === 1 ? ['account_config'] : ARGUMENTS[name]
  const named = args.map((arg, i) => {
    const { name = positions?.[i], arg: value } = (arg.NamedArgExpr ?? { arg }) as { name?: string; arg: Node }
    return { name, value }
  })
  return secretsAmong(named, read, argument => {
    if (argument === 'account_config') return 'config'
    return argument !== undefined && OPEN_ARGUMENTS.has(argument) ? undefined : 'credential'
  })
}

function secretsOfObject(args: readonly Node[], read: Read): Secret[] {
  const named: { name: string | undefined; value: Node }[] = []
  for (let i = 0; i + 1 < args.length; i += 2) {
    const key = read(args[i] as Node)
    named.push({ name: key && 'text' in key ? key.text : undefined, value: args[i + 1] as Node })
  }
  return secretsAmong(named, read, key => (key === 'credentials' ? 'credential' : undefined))
}

function secretsAmong(
  named: readonly { readonly name: string | undefined; readonly value: Node }[],
  read: Read,
  formOf: (name: string | undefined) => Secret['form'] | undefined,
): Secret[] {
  const accountArgument = named.find(({ name }) => name === 'account_name_p' || name === 'name')
  const account = accountArgument && read(accountArgument.value)
  return named.flatMap(({ name, value }) => {
    const form = formOf(name)
    const source = form && read(value)
    return form && source && !('text' in source && source.text === '') ? [{ form, source, account }] : []
  })
}

/** A parameter that the statement also uses for something else stays as it is. */
function withoutDoubles(found: readonly Secret[], parameters: ReadonlyMap<number, number>): Secret[] {
  const bySource = new Map<string, Secret[]>()
  for (const secret of found) {
    const { source } = secret
    const place = 'parameter' in source ? `$${source.parameter}` : String(source.start)
    const others = bySource.get(place)
    if (others === undefined) bySource.set(place, [secret])
    else others.push(secret)
  }
  return [...bySource.values()].flatMap(([secret, ...others]) => {
    if (secret === undefined) return []
    const { source } = secret
    if (!('parameter' in source)) return [secret]
    if (parameters.get(source.parameter) !== others.length + 1) return []
    return [others.length === 0 ? secret : { ...secret, account: undefined }]
  })
}

/** Nothing that is longer is a credential, nor an account's name: to seal it would only take time. */
export const MAX_CREDENTIAL_LENGTH = 16 * 1024

/** What stands in the place of a secret. */
export function sealedSecret(form: Secret['form'], clear: string, account: string | undefined, seal: SealOne): string {
  if (clear.length > MAX_CREDENTIAL_LENGTH) return '***'
  if (account !== undefined && account.length > MAX_CREDENTIAL_LENGTH) return '***'
  if (form === 'passphrase') return seal(clear, undefined, 'passphrase')
  if (form === 'config') return sealConfig(clear, (value, own = account) => seal(value, own))
  return seal(clear, account)
}

/** A statement with what is written in it of secrets replaced. */
export function rewriteSecrets(
  statement: { readonly start: number; readonly end: number },
  secrets: readonly Secret[],
  text: string,
  seal: SealOne,
): Rewrite {
  const parts = secrets.flatMap(({ form, source, account }) => {
    if (!('text' in source)) return []
    const name = account && 'text' in account ? account.text : undefined
    const { start, end } = source
    return [
      { start, end, text: form === 'mask' ? source.text : quoteLiteral(sealedSecret(form, source.text, name, seal)) },
    ]
  })
  return rewriteParts(
    statement,
    parts.sort((a, b) => a.start - b.start),
    text,
  )
}
