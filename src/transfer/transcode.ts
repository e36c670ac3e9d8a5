import { isAscii } from 'node:buffer'
import { type Conversions, isConvertible, SQL_ASCII } from '../backend/conversions.ts'
import { characterEnds, characterLength, isMultiByte, LOOKAHEAD, separableLength } from '../formats/rows/characters.ts'
import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'

/** Two of these are under way at a time: one is converted while the one before is read. */
const PIECE_BYTES = 256 * 1024

const UTF8 = 'UTF8'

/** What the server has to do with bytes: convert them, or between an encoding and itself, check them. */
export interface Conversion {
  readonly from: string
  readonly to: string
}

/**
 * What the server has to do with a blob that is read into a database, if anything. Of UTF-8 and of encodings of single bytes the
 * decoders see themselves whether they are valid.
 */
export function conversionOnRead(blob: string, database: string): Conversion | undefined {
  if (blob !== database && blob !== SQL_ASCII && database !== SQL_ASCII) return { from: blob, to: database }
  const checked = checkedEncoding(blob, database)
  return isMultiByte(checked) && checked !== UTF8 ? { from: checked, to: checked } : undefined
}

/** The encoding that decoded bytes are to be valid in. */
export const checkedEncoding = (blob: string, database: string): string => (database === SQL_ASCII ? blob : database)

/** What the server has to do with rows of a database on their way into a blob: what the database holds is valid. */
export function conversionOnWrite(database: string, blob: string): Conversion | undefined {
  if (blob === database || blob === SQL_ASCII) return undefined
  return { from: database === SQL_ASCII ? blob : database, to: blob }
}

/** @throws PgError where PostgreSQL has no such conversion */
export async function checkConversion(conversions: Conversions, { from, to }: Conversion): Promise<void> {
  if (from !== to && !isConvertible(from, to)) await conversions.convert(Buffer.from('a'), from, to)
}

/**
 * Bytes as the server converts them. Those before the first bad character come before its error.
 * @throws PgError
 */
export async function* transcode(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  conversion: Conversion,
  conversions: Conversions,
): AsyncGenerator<Buffer> {
  let last: Promise<Converted> | undefined
  for await (const piece of pieces(source, conversion.from)) {
    const next = convertPiece(piece, conversion, conversions)
    next.catch(() => {}) // it is heard of when its turn comes
    if (last !== undefined) yield* bytesOf(await last)
    last = next
  }
  if (last !== undefined) yield* bytesOf(await last)
}

/** Whole characters, and some bytes of what comes behind them, for errors. */
interface Piece {
  readonly bytes: Buffer
  readonly behind: Buffer
}

interface Converted {
  readonly bytes: Buffer
  readonly error?: PgError
}

function* bytesOf({ bytes, error }: Converted): Generator<Buffer> {
  if (bytes.length > 0) yield bytes
  if (error !== undefined) throw error
}

async function* pieces(source: AsyncIterable<Buffer> | Iterable<Buffer>, encoding: string): AsyncGenerator<Piece> {
  let held: Buffer[] = []
  let length = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const part = chunk.subarray(at, at + PIECE_BYTES)
      held.push(part)
      length += part.length
      if (length < PIECE_BYTES) continue
      const bytes = Buffer.concat(held)
      const end = separableLength(bytes, encoding)
      yield { bytes: bytes.subarray(0, end), behind: bytes.subarray(end, end + LOOKAHEAD) }
      held = [bytes.subarray(end)]
      length -= end
    }
  }
  if (length > 0) yield { bytes: Buffer.concat(held), behind: Buffer.alloc(0) }
}

async function convertPiece(piece: Piece, conversion: Conversion, conversions: Conversions): Promise<Converted> {
  const { bytes } = piece
  if (isAscii(bytes) && !bytes.includes(0)) return { bytes }
  try {
    return { bytes: await conversions.convert(bytes, conversion.from, conversion.to) }
  } catch (error) {
    if (!isOfCharacter(error)) throw error
    return await convertUpToError(piece, conversion, conversions, error)
  }
}

/** convert() looks at all characters before it converts the first; COPY stops at the first that is bad in any way. */
async function convertUpToError(
  { bytes, behind }: Piece,
  { from, to }: Conversion,
  conversions: Conversions,
  anyError: PgError,
): Promise<Converted> {
  const ends = characterEnds(bytes, from)
  let good = 0
  let converted: Buffer = Buffer.alloc(0)
  for (let low = 0, high = ends.length - 1; low < high; ) {
    const middle = (low + high) >>> 1
    const end = ends[middle] as number
    const result = await conversions.convert(bytes.subarray(0, end), from, to).catch(error => {
      if (isOfCharacter(error)) return undefined
      throw error
    })
    if (result === undefined) high = middle
    else {
      low = middle + 1
      good = end
      converted = result
    }
  }
  const rest = Buffer.concat([bytes.subarray(good, good + LOOKAHEAD), behind])
  const bad = rest.subarray(0, characterLength(rest, 0, from))
  const error = await conversions.convert(bad, from, to).then(
    () => anyError,
    error => error as PgError,
  )
  return { bytes: converted, error }
}

/** PostgreSQL's errors about single characters. */
export const isOfCharacter = (error: unknown): error is PgError =>
  error instanceof PgError &&
  (error.code === SQLSTATE.characterNotInRepertoire || error.code === SQLSTATE.untranslatableCharacter)
