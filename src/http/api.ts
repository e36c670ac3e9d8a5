/** What the page gets; nothing here is of Node's, for the page is built with it. */

export interface TransferView {
  readonly id: number
  /** The session's number in the log; null where it did not come through this proxy, and so cannot be cancelled here. */
  readonly session: number | null
  readonly pid: number
  readonly user: string
  readonly database: string
  readonly account: string
  readonly container: string
  readonly path: string
  readonly direction: 'import' | 'export'
  readonly format: string
  readonly compression: string
  readonly statement: string
  readonly state: 'spooling' | 'running' | 'committing' | 'ended'
  readonly bytes: number
  /** How many it will be, where that is known. */
  readonly totalBytes: number | null
  /** While it runs, an estimate for COPY. */
  readonly rows: number | null
  /** Lately; of one that has ended, all in all. */
  readonly bytesPerSecond: number
  readonly ms: number
  readonly since: string
  readonly endedAt: string | null
  readonly outcome: 'done' | 'failed' | 'cancelled' | null
  readonly sqlstate: string | null
}

export interface TransfersView {
  /** The oldest first, and at most a thousand. */
  readonly live: readonly TransferView[]
  readonly liveCount: number
  /** The last hundred, the newest first. */
  readonly finished: readonly TransferView[]
}

export interface SessionView {
  readonly id: number
  readonly pid: number
  readonly user: string
  readonly database: string
  readonly client: string
  readonly state: string
  readonly since: string
}

export interface SessionsView {
  /** The oldest first, and at most a thousand. */
  readonly sessions: readonly SessionView[]
  readonly count: number
}

/** One of /api/events: `finished` is left out where it is what it was. */
export interface Activity extends SessionsView {
  readonly live: TransfersView['live']
  readonly liveCount: number
  readonly finished?: TransfersView['finished']
  readonly isDraining: boolean
}

export interface CheckView {
  readonly ok: boolean
  readonly reason?: string
}

export interface ReadyView {
  readonly ready: boolean
  readonly checks: Readonly<Record<'draining' | 'backend' | 'loopback', CheckView>>
}

/** Where an account is registered. */
export interface AccountView {
  readonly database: string
  readonly account: string
  readonly authType: string
}

/** What `blobgres doctor` says of one thing. */
export interface FindingView {
  readonly check: string
  readonly result: 'ok' | 'failed' | 'untried'
  readonly reason: string
  readonly fix?: { readonly into: 'shell' | 'psql'; readonly database?: string; readonly command: string }
  readonly advice?: string
}

export interface ContainerView {
  readonly account: string
  readonly container: string
}

export interface BlobView {
  readonly path: string
  readonly bytes: number
  readonly lastModified: string
}

export interface BlobsView {
  readonly blobs: readonly BlobView[]
  /** There are others behind them. */
  readonly isMore: boolean
}

export interface PreviewView {
  /** In words, such as `csv, gzip`. */
  readonly format: string
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** The first ones, as they are in the file; none of Parquet. */
  readonly rows: readonly (readonly string[])[]
  /** The beginning of a file that is one value. */
  readonly text?: string
  readonly createTable: string
  readonly copy: string
  readonly query: string
  /** Only its beginning has been read. */
  readonly isSample: boolean
}

/** What the page may show besides. */
export interface AboutView {
  readonly version: string
  readonly hasBlobs: boolean
}

export interface FailureView {
  readonly error: string
}
