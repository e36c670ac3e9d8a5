/** The other workers of a proxy that has several, as one of them sees them. */
export interface Siblings {
  /**
   * Passes a CancelRequest on to whose it is, by the session's BackendKeyData. False: it is none of theirs. True: the
   * server was asked, and all who must hear of it have.
   */
  cancel(key: Buffer): Promise<boolean>
  /** What they show in the admin database. */
  shown(what: string): Promise<(readonly (string | undefined)[])[]>
}
