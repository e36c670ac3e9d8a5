/** Which of PostgreSQL's types take a value, as bits. All take a NULL, and text takes everything. */
export const TYPE = {
  boolean: 1,
  integer: 2,
  bigint: 4,
  numeric: 8,
  double: 16,
  uuid: 32,
  date: 64,
  timestamp: 128,
  timestamptz: 256,
  time: 512,
  jsonb: 1024,
  json: 2048,
} as const
export const ALL_TYPES = 4095

/** What becomes of a type is more than whether it takes a value: how the values are written has a say. */
export const WRITTEN = { exponent: 4096, true: 8192, false: 16_384, word: 32_768, digits: 65_536 } as const
