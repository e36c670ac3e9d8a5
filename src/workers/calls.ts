import type { Address } from '../config/values.ts'
import type { PackedConfig } from '../config/workers.ts'
import type { Sample } from '../http/metrics.ts'
import type { Cancelled, Standing } from '../http/observed.ts'
import type { Fault, InjectedFault, Use } from '../storage/faults.ts'

type Rows = (readonly (string | undefined)[])[]

/** What a worker is told when it starts. */
export interface WorkerStart {
  readonly config: PackedConfig
  /** Its own, for the functions. */
  readonly listen: Address
  /** By which the log knows it; the one that takes its place has the same. */
  readonly number: number
  /** Where its first blocks of numbers begin. */
  readonly firstSession: number
  readonly firstTransfer: number
}

/** Where a worker is. */
export interface WorkerPlace {
  readonly listen: Address
  /** What the server dials. */
  readonly loopback: Address
}

/** What the primary asks of a worker. */
export interface WorkerCalls {
  /** Resolves when it can be handed clients. */
  start(start: WorkerStart): Promise<WorkerPlace>
  isReachable(): Promise<boolean>
  /** See Siblings. */
  cancel(key: Buffer): Promise<boolean>
  shown(what: string): Promise<Rows>
  /** For the status page. */
  standing(): Promise<Standing>
  samples(): Promise<Sample[]>
  cancelTransfer(id: number): Promise<Cancelled>
  drain(drainMs: number): Promise<void>
  close(): Promise<void>
}

/** What a worker asks of the primary. */
export interface PrimaryCalls {
  /** So many connections have ended by now, of those that it was handed. */
  ended(count: number): Promise<void>
  /** Of all others. */
  cancel(key: Buffer): Promise<boolean>
  shown(what: string): Promise<Rows>
  nextBlock(of: 'sessions' | 'transfers'): Promise<number>
  injectFault(database: string, fault: InjectedFault): Promise<void>
  clearFaults(database: string): Promise<void>
  faults(database: string): Promise<readonly InjectedFault[]>
  takeFault(database: string, use: Use): Promise<Fault | undefined>
}
