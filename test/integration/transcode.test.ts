import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Conversions, isConvertible } from '../../src/backend/conversions.ts'
import { validLengthUnseen } from '../../src/formats/rows/valid-text.ts'
import { findEncoding } from '../../src/protocol/encodings.ts'
import type { PgError } from '../../src/protocol/pg-error.ts'
import { checkConversion, transcode } from '../../src/transfer/transcode.ts'
import { candidates, convertEach } from '../support/characters.ts'
import { copyIn } from '../support/copy-queries.ts'
import { createDatabaseSession, type DatabaseSession } from '../support/database.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'
import { testConfig } from '../support/stack.ts'

/** More than two pieces of a conversion. */
const TEXT_BYTES = 700_000
const REFUSED_OF_EACH = 8

describe.each(servers)('the conversions of PostgreSQL $version', server => {
  const random = new Random(Number(process.env.FUZZ_SEED ?? 1))
  const conversions = new Conversions(testConfig(server))
  const pairs: { from: string; to: string }[] = []
  let session: DatabaseSession
  let client: pg.Client
  beforeAll(async () => {
    session = await createDatabaseSession(server)
    client = session.client
    await client.query('CREATE TABLE t (v text)')
    const { rows } = await client.query<{ from: string; to: string }>(
      `SELECT pg_encoding_to_char(conforencoding) AS from, pg_encoding_to_char(contoencoding) AS to
       FROM pg_conversion WHERE condefault ORDER BY 1, 2`,
    )
    pairs.push(...rows)
  })
  afterAll(async () => {
    conversions.close()
    await session.close()
  })

  const errorOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      error => error as PgError,
    )
    return error && { code: error.code, message: error.message }
  }

  async function transcoded(chunks: Iterable<Buffer>, from: string, to: string) {
    const parts: Buffer[] = []
    const error = await errorOf(
      (async () => {
        for await (const part of transcode(chunks, { from, to }, conversions)) parts.push(part)
      })(),
    )
    return { bytes: Buffer.concat(parts), error }
  }

  it('are those that are taken for granted, and others', async () => {
    const known = new Set(pairs.map(({ from, to }) => `${from} to ${to}`))
    const names = [...new Set(pairs.map(({ from }) => from))]
    for (const from of names) {
      expect(findEncoding(from)).toBe(from)
      for (const to of names.filter(name => name !== from)) {
        const pair = `${from} to ${to}`
        if (isConvertible(from, to)) expect(known).toContain(pair)
        const missing = {
          code: '42883',
          message: `default conversion function for encoding "${from}" to "${to}" does not exist`,
        }
        expect(await errorOf(checkConversion(conversions, { from, to }))).toEqual(known.has(pair) ? undefined : missing)
      }
    }
  })

  async function convertedBytes(bytes: Buffer, from: string, to: string): Promise<Buffer> {
    return (await client.query('SELECT convert($1, $2, $3) AS all', [bytes, from, to])).rows[0].all
  }

  /** Two pieces or more of characters in any order, in chunks that end anywhere. */
  function longText(characters: readonly Buffer[], separator: string): Buffer[] {
    const block = Buffer.concat(characters.map(each => Buffer.concat([each, Buffer.from(separator)])))
    return inChunks(Buffer.concat(Array(Math.ceil(TEXT_BYTES / block.length)).fill(block)))
  }

  function inChunks(bytes: Buffer): Buffer[] {
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(100_000)
      chunks.push(bytes.subarray(at, at + length))
      at += length
    }
    return chunks
  }

  /** Each character of the encoding that it has and that the other has, in the bytes of the first. */
  async function goodAndBad(from: string, to: string): Promise<{ good: Buffer[]; bad: Buffer[] }> {
    // These two have too many characters to be tried: those that the other has.
    const isLarge = from === 'UTF8' || from === 'MULE_INTERNAL'
    let characters = [...candidates(isLarge ? to : from)]
    if (isLarge) {
      const known = await convertEach(client, characters, to, from)
      characters = known.filter(bytes => bytes !== undefined)
      if (from === 'UTF8')
        characters.push(
          ...[0x85, 0xa0, 0x378, 0x4e00, 0xac02, 0xd7ff, 0xe000, 0x1f600].map(code =>
            Buffer.from(String.fromCodePoint(code)),
          ),
        )
      characters.push(Buffer.of(0xc0, 0x80), Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xf4, 0x90, 0x80, 0x80))
    }
    const converted = await convertEach(client, characters, from, to)
    const good = characters.filter((_, i) => converted[i] !== undefined)
    const bad = characters.filter((_, i) => converted[i] === undefined)
    return {
      good,
      bad: bad.length < REFUSED_OF_EACH ? bad : Array.from({ length: REFUSED_OF_EACH }, () => random.pick(bad)),
    }
  }

  it('take for characters what the proxy does, in the encodings that a database can have', async () => {
    for (const encoding of ['EUC_JP', 'EUC_JIS_2004', 'EUC_KR', 'EUC_CN', 'EUC_TW', 'MULE_INTERNAL']) {
      const some = [...candidates(encoding)].filter(() => random.chance(0.2))
      if (encoding === 'MULE_INTERNAL')
        for (let i = 0; i < 3000; i++) some.push(Buffer.concat([Buffer.of(0x80 + random.below(0x20)), random.bytes(3)]))
      const checked = await convertEach(client, some, encoding, encoding)
      const wrong = some.filter(
        (bytes, i) => (checked[i] !== undefined) !== (validLengthUnseen(bytes, encoding) === bytes.length),
      )
      expect(
        wrong.map(bytes => bytes.toString('hex')),
        encoding,
      ).toEqual([])
    }
  })

  it('of every character, wherever it is cut, and of those that are refused, are the server’s own', async () => {
    // Each on one of the servers, for there are some hundred.
    const turn = servers.indexOf(server)
    for (const { from, to } of pairs.filter((_, i) => i % servers.length === turn)) {
      const { good, bad } = await goodAndBad(from, to)
      // Between a character and one that combines with it, what they are together is another matter.
      const chunks = longText(good, random.chance(0.5) ? '\n' : /2004/.test(from + to) ? 'a' : '')
      const all = await convertedBytes(Buffer.concat(chunks), from, to)
      const { bytes, error } = await transcoded(chunks, from, to)
      expect([error, bytes.equals(all)], `${from} to ${to}, seed ${random.seed}`).toEqual([undefined, true])
      for (const refused of bad) {
        const before = random.times(5, () => random.pick(good))
        const file = Buffer.concat([...before, refused, Buffer.from('\nabc'), refused, random.pick(good)])
        const { bytes, error } = await transcoded([file], from, to)
        const told = `${from} to ${to}: ${file.toString('hex')}`
        expect(bytes.equals(await convertedBytes(Buffer.concat(before), from, to)), told).toBe(true)
        if (to === 'UTF8') {
          const copy = copyIn(
            client,
            `COPY t FROM STDIN (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02', ENCODING '${from}')`,
            file,
          )
          expect(error, told).toEqual(await errorOf(copy))
        } else expect(error?.code, told).toMatch(/^22(021|P05)$/)
      }
    }
  }, 240_000)

  it('of all of Unicode, which GB18030 has, are the server’s own', async () => {
    const isCharacter = (code: number) => code < 0xd800 || code > 0xdfff
    const characters = Array.from({ length: 0x11_0000 - 1 }, (_, i) => i + 1).filter(isCharacter)
    const text = Buffer.from(characters.map(code => String.fromCodePoint(code)).join(''))
    const there = await convertedBytes(text, 'UTF8', 'GB18030')
    expect((await transcoded(inChunks(text), 'UTF8', 'GB18030')).bytes.equals(there)).toBe(true)
    expect((await transcoded(inChunks(there), 'GB18030', 'UTF8')).bytes.equals(text)).toBe(true)
  })
})
