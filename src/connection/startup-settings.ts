import type { PgErrorFields } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { checkSetting, ENCRYPTION_KEY, isSetting } from '../sql/settings.ts'

/** Why a startup packet cannot set what it sets of the azure_storage.* settings, as parameters or in `options`. */
export function checkStartupSettings(parameters: ReadonlyMap<string, string>): PgErrorFields | undefined {
  for (const [given, value] of [...settingsOf(parameters.get('options') ?? ''), ...parameters]) {
    const name = given.toLowerCase()
    if (!isSetting(name)) continue
    const error = name === ENCRYPTION_KEY ? denied(name) : checkSetting(name, value)
    if (error) return error
  }
  return undefined
}

/** A passphrase comes with its database: who is to set it here is not known yet. */
const denied = (name: string): PgErrorFields => ({
  message: `permission denied to set parameter "${name}"`,
  code: SQLSTATE.insufficientPrivilege,
})

/** `-c name=value` and `--name=value`, where a dash in a name is an underscore (process_postgres_switches() of PostgreSQL). */
function settingsOf(options: string): [string, string][] {
  const words = options.match(/(?:\\[\s\S]|[^\s\\])+/g) ?? []
  return words.flatMap((escaped, i) => {
    const before = words[i - 1]
    const word = escaped.replace(/\\([\s\S])/g, '$1')
    const setting = before === '-c' ? word : /^(?:-c|--)([\s\S]+)$/.exec(word)?.[1]
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(setting ?? '') ?? []
    return name === undefined || value === undefined ? [] : [[name.replaceAll('-', '_'), value] as [string, string]]
  })
}
