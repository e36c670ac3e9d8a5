/**
 * Message type bytes, by the names of the PostgreSQL documentation, "Message Formats" (protocol-message-formats.html).
 * Frontend and backend reuse some bytes for different messages, hence two tables.
 */
const code = (letter: string): number => letter.charCodeAt(0)

export const FRONTEND = {
  bind: code('B'),
  close: code('C'),
  copyData: code('d'),
  copyDone: code('c'),
  copyFail: code('f'),
  describe: code('D'),
  execute: code('E'),
  flush: code('H'),
  functionCall: code('F'),
  parse: code('P'),
  /** PasswordMessage, SASLInitialResponse, SASLResponse and GSSResponse alike. */
  password: code('p'),
  query: code('Q'),
  sync: code('S'),
  terminate: code('X'),
} as const

export const BACKEND = {
  authentication: code('R'),
  backendKeyData: code('K'),
  bindComplete: code('2'),
  closeComplete: code('3'),
  commandComplete: code('C'),
  copyBothResponse: code('W'),
  copyData: code('d'),
  copyDone: code('c'),
  copyInResponse: code('G'),
  copyOutResponse: code('H'),
  dataRow: code('D'),
  emptyQueryResponse: code('I'),
  errorResponse: code('E'),
  functionCallResponse: code('V'),
  noData: code('n'),
  noticeResponse: code('N'),
  notificationResponse: code('A'),
  parameterDescription: code('t'),
  parameterStatus: code('S'),
  parseComplete: code('1'),
  portalSuspended: code('s'),
  readyForQuery: code('Z'),
  rowDescription: code('T'),
} as const

/** Type byte and length word of every message after the startup packet. */
export const HEADER_LENGTH = 5

/** Longest length word PostgreSQL accepts (PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize - 1 in libpq/pqcomm.c). */
export const MAX_MESSAGE_LENGTH = 0x3fffffff

/** What stands in a startup packet for the protocol version, where the packet asks for something else. */
export const STARTUP = { sslRequest: 80877103, gssEncRequest: 80877104, cancelRequest: 80877102 } as const

/** The kinds of authentication request (AuthenticationOk, AuthenticationSASL, …). */
export const AUTHENTICATION = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 } as const

/** Transaction status bytes of ReadyForQuery. */
export const STATUS = { idle: code('I'), inTransaction: code('T'), failed: code('E') } as const
