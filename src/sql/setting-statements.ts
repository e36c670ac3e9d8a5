import type { PgErrorFields } from '../protocol/pg-error.ts'
import type { AccountSecrets } from './account-secrets.ts'
import { decodeText } from './encoding.ts'
import { type Call, type FuncCall, type Node, readCall, readValue, type Value } from './expressions.ts'
import type { RawStatement } from './query-text.ts'
import { checkSetting, ENCRYPTION_KEY, isSetting } from './settings.ts'

/** A statement that changes one of the settings. */
export type SettingChange =
  /** It is not to happen. */
  | { readonly kind: 'refuse'; readonly error: PgErrorFields }
  /** The backend, its logs and catalogues are not to see a passphrase. */
  | ({ readonly kind: 'with-secrets' } & AccountSecrets)
  /** SET in the session itself, which is not for everybody. */
  | { readonly kind: 'set-passphrase'; readonly passphrase: string; readonly isLocal: boolean }

interface VariableSet {
  readonly kind: string
  readonly name?: string
  readonly args?: readonly Node[]
  readonly is_local?: boolean
}

type Constant = {
  readonly sval?: { readonly sval?: string }
  readonly ival?: { readonly ival?: number }
  readonly fval?: { readonly fval?: string }
  readonly boolval?: { readonly boolval?: boolean }
}

/** What a statement does to one of the settings: SET, ALTER … SET, set_config() of constants. */
export function settingChange(raw: RawStatement, encoding: string): SettingChange | undefined {
  if (raw.reading !== 'read') return undefined
  for (const { variable, isSession } of variableSets(raw.node)) {
    const name = variable.name?.toLowerCase()
    if (name === undefined || !isSetting(name)) continue
    const arg = variable.kind === 'VAR_SET_VALUE' && variable.args?.length === 1 ? variable.args[0] : undefined
    const error = checkSetting(name, arg && textOf(arg, encoding))
    if (error) return { kind: 'refuse', error }
    const value = name === ENCRYPTION_KEY && arg ? readValue(arg, raw, encoding) : undefined
    if (value === undefined) continue
    if (!isSession) return withPassphrase(value)
    if ('text' in value) return { kind: 'set-passphrase', passphrase: value.text, isLocal: variable.is_local === true }
  }
  const call = soleCall(raw.node)
  if (call?.name !== 'set_config' || (call.schema ?? 'pg_catalog') !== 'pg_catalog') return undefined
  const [first, second] = call.args
  const name = (first && textOf(first, encoding))?.toLowerCase()
  if (name === undefined || second === undefined || !isSetting(name)) return undefined
  const given = textOf(second, encoding)
  const error = given === undefined ? undefined : checkSetting(name, given)
  if (error) return { kind: 'refuse', error }
  const value = name === ENCRYPTION_KEY ? readValue(second, raw, encoding) : undefined
  return value && withPassphrase(value)
}

const withPassphrase = (source: Value): SettingChange => ({
  kind: 'with-secrets',
  secrets: [{ form: 'passphrase', source, account: undefined }],
  isCertain: true,
})

function variableSets(node: RawStatement['node']): { variable: VariableSet; isSession: boolean }[] {
  const [kind, statement] = (Object.entries(node)[0] ?? []) as [string?, Record<string, unknown>?]
  if (kind === 'VariableSetStmt') return [{ variable: statement as unknown as VariableSet, isSession: true }]
  const { setstmt, options, actions } = statement ?? {}
  if (setstmt) return [{ variable: setstmt as VariableSet, isSession: false }]
  if (kind !== 'CreateFunctionStmt' && kind !== 'AlterFunctionStmt') return []
  return ((options ?? actions ?? []) as { DefElem?: { arg?: { VariableSetStmt?: VariableSet } } }[]).flatMap(
    ({ DefElem }) => {
      const variable = DefElem?.arg?.VariableSetStmt
      return variable ? [{ variable, isSession: false }] : []
    },
  )
}

/** `SELECT f(…)`, and nothing else. */
function soleCall(node: RawStatement['node']): Call | undefined {
  const { SelectStmt } = node as {
    SelectStmt?: { targetList?: readonly Node[]; fromClause?: unknown; whereClause?: unknown }
  }
  if (SelectStmt?.targetList?.length !== 1 || SelectStmt.fromClause || SelectStmt.whereClause) return undefined
  const target = SelectStmt.targetList[0] as { ResTarget?: { val?: { FuncCall?: FuncCall } } }
  const call = target.ResTarget?.val?.FuncCall
  return call && readCall(call)
}

/** A constant as SET takes it. */
function textOf(arg: Node, encoding: string): string | undefined {
  const constant = arg.A_Const as Constant | undefined
  if (constant?.sval) return decodeText(constant.sval.sval ?? '', encoding)
  if (constant?.ival) return String(constant.ival.ival ?? 0)
  if (constant?.boolval) return String(constant.boolval.boolval ?? false)
  return constant?.fval?.fval
}
