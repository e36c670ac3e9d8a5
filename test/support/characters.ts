import type pg from 'pg'
import { characterLength, isMultiByte } from '../../src/formats/rows/characters.ts'

/** Whatever may be a character beyond ASCII in an encoding, by the byte it begins with: far more than it has. */
export function* candidates(encoding: string): Generator<Buffer> {
  for (let lead = 0x80; lead <= 0xff; lead++) {
    if (!isMultiByte(encoding)) {
      yield Buffer.of(lead)
      continue
    }
    for (let second = 0x2f; second <= 0xff; second++) {
      const length = characterLength(Buffer.of(lead, second), 0, encoding)
      if (length <= 2) yield Buffer.of(lead, second).subarray(0, length)
      else if (isDense(encoding, lead, second)) {
        for (let third = 0x80; third <= 0xff; third++) {
          if (length === 3) yield Buffer.of(lead, second, third)
          else yield* fourths(encoding, [lead, second, third])
        }
      }
      if (length === 1) break
    }
  }
}

/** What each is when the server converts it alone, undefined where it refuses. */
export async function convertEach(
  client: pg.Client,
  characters: readonly Buffer[],
  from: string,
  to: string,
): Promise<(Buffer | undefined)[]> {
  await client.query(`CREATE OR REPLACE FUNCTION pg_temp.converted(bytes bytea, f name, t name) RETURNS bytea
    LANGUAGE plpgsql AS 'BEGIN RETURN convert(bytes, f, t); EXCEPTION WHEN OTHERS THEN RETURN NULL; END'`)
  const { rows } = await client.query<{ bytes: Buffer | null }>(
    `SELECT pg_temp.converted(decode(c, 'hex'), $2, $3) AS bytes
     FROM unnest(string_to_array($1, ',')) WITH ORDINALITY AS t (c, n) ORDER BY n`,
    [characters.map(bytes => bytes.toString('hex')).join(), from, to],
  )
  return rows.map(({ bytes }) => bytes ?? undefined)
}

/** Of the encodings with longer characters, the ranges where there are any, and a little more. */
function isDense(encoding: string, lead: number, second: number): boolean {
  if (encoding === 'GB18030') return lead <= 0x84 || (lead === 0x90 && second === 0x30)
  if (encoding === 'EUC_TW') return second >= 0xa0 && second <= 0xa8
  return encoding.startsWith('EUC_') && lead === 0x8f && second >= 0xa0
}

function* fourths(encoding: string, head: readonly number[]): Generator<Buffer> {
  const [first, last] = encoding === 'GB18030' ? [0x2f, 0x3a] : [0xa0, 0xff]
  for (let fourth = first as number; fourth <= (last as number); fourth++) yield Buffer.of(...head, fourth)
}
