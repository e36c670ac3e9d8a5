import type { CommandName } from './commands.ts'
import type { Environment } from './usual-variables.ts'
import type { Given } from './values.ts'

/** A text, by command where they differ. */
export type ByCommand = string | Readonly<Partial<Record<CommandName, string>>>

/** One option: a flag and a variable, `--log-level` and `BLOBGRES_LOG_LEVEL`. */
export interface OptionRow<T> {
  readonly name: string
  readonly commands: readonly CommandName[]
  /** Stands for the value in the help. */
  readonly value: string
  /** What the flag means without a value. */
  readonly alone?: string
  /** It never has one: what comes next is an argument. */
  readonly bare?: true
  /** @throws ConfigError */
  readonly parse: (given: Given) => T
  /** As a user would write it; by command where they differ. */
  readonly default?: ByCommand
  /** What a variable that is not ours says of it. @throws ConfigError */
  readonly usual?: (env: Environment) => Given | undefined
  /** What holds without it, where that is no value that a user could write. */
  readonly otherwise?: ByCommand
  /** Has a variable and no flag: that would show in the list of processes. */
  readonly secret?: true
  /** Markdown; the help shows it without backticks. */
  readonly description: string
}
