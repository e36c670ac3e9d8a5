import type { Numbers } from './activity/numbers.ts'
import type { Occurrences } from './activity/occurrences.ts'
import type { Progress } from './activity/progress.ts'

import type { Sessions } from './activity/sessions.ts'
import type { Siblings } from './activity/siblings.ts'
import type { Transfers } from './activity/transfers.ts'
import type { Conversions } from './backend/conversions.ts'
import type { ServerState } from './backend/server-state.ts'
import type { Config } from './config/config.ts'
import type { ManagedIdentity } from './credentials/managed-identity.ts'
import type { SealingKey } from './credentials/sealing.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { TextReader } from './sql/text-reader.ts'
import type { FaultStore } from './storage/faults.ts'

/** What every session of a proxy shares. */
export interface Services {
  readonly config: Config
  readonly server: ServerState
  readonly sealingKey: SealingKey
  readonly identity: ManagedIdentity
  readonly serverMajorVersion: number
  readonly texts: TextReader
  readonly conversions: Conversions
  /** For large rows of the functions. */
  readonly memory: MemoryBudget
  readonly sessions: Sessions
  readonly transfers: Transfers
  readonly occurrences: Occurrences
  readonly progress: Progress
  /** Undefined where nobody may ask for any. */
  readonly faults: FaultStore | undefined
  readonly sessionNumbers: Numbers
  /** Undefined where this process is all of the proxy. */
  readonly siblings: Siblings | undefined
}
