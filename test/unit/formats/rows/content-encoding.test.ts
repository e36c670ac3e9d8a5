import { describe, expect, it } from 'vitest'
import { createTranscoder, encodeText, type Transcoder } from '../../../../src/formats/rows/content-encoding.ts'
import { everySplit } from '../../../support/stream-bytes.ts'

const SAMPLES: readonly [encoding: string, text: string, hex: string][] = [
  ['LATIN1', 'é\x85ÿ', 'e985ff'],
  ['LATIN9', '€é', 'a4e9'],
  ['WIN1251', 'Привет', 'cff0e8e2e5f2'],
  ['WIN1252', '€é', '80e9'],
  ['KOI8R', 'Привет', 'f0d2c9d7c5d4'],
  ['SJIS', '日本ｶa', '93fa967bb661'],
  ['EUC_JP', '日本', 'c6fccbdc'],
  ['EUC_KR', '한국', 'c7d1b1b9'],
  ['GBK', '中文', 'd6d0cec4'],
  ['BIG5', '中文', 'a4a4a4e5'],
]

function transcoder(from: string, to: string): Transcoder {
  return createTranscoder(from, to) as Transcoder
}

describe.each(SAMPLES)('%s', (encoding, text, hex) => {
  it('is read, wherever chunks end', () => {
    for (const chunks of everySplit(Buffer.from(hex, 'hex'))) {
      const own = transcoder(encoding, 'UTF8')
      expect(Buffer.concat(chunks.map(chunk => own.convert(chunk))).toString()).toBe(text)
      own.end()
    }
  })

  it('is written', () => {
    expect(transcoder('UTF8', encoding).convert(Buffer.from(text)).toString('hex')).toBe(hex)
  })
})

describe('createTranscoder', () => {
  it('refuses what is not of the encoding', () => {
    const error = expect.objectContaining({ code: '22021', message: 'invalid byte sequence for encoding "EUC_JP"' })
    expect(() => transcoder('EUC_JP', 'UTF8').convert(Buffer.of(0xff))).toThrow(error)
    const cut = transcoder('EUC_JP', 'UTF8')
    cut.convert(Buffer.of(0xc6))
    expect(() => cut.end()).toThrow(error)
  })

  it('refuses characters that the encoding has not', () => {
    expect(() => transcoder('UTF8', 'LATIN1').convert(Buffer.from('a€'))).toThrow(
      expect.objectContaining({
        code: '22P05',
        message:
          'character with byte sequence 0xe2 0x82 0xac in encoding "UTF8" has no equivalent in encoding "LATIN1"',
      }),
    )
  })

  it('keeps a byte order mark, as COPY does', () => {
    expect(() => transcoder('UTF8', 'LATIN1').convert(Buffer.from('\ufeff'))).toThrow('0xef 0xbb 0xbf')
  })

  it('leaves bytes alone where PostgreSQL converts none', () => {
    expect(createTranscoder('UTF8', 'UTF8')).toBeUndefined()
    expect(createTranscoder('SQL_ASCII', 'UTF8')).toBeUndefined()
    expect(createTranscoder('LATIN1', 'SQL_ASCII')).toBeUndefined()
  })

  it('refuses encodings that Node does not know', () => {
    expect(() => createTranscoder('EUC_TW', 'UTF8')).toThrow(
      expect.objectContaining({
        code: '42883',
        message: 'default conversion function for encoding "EUC_TW" to "UTF8" does not exist',
      }),
    )
  })
})

describe('encodeText', () => {
  it('writes names and the like', () => {
    expect(encodeText('é', 'LATIN1')).toEqual(Buffer.of(0xe9))
    expect(encodeText('é', 'UTF8')).toEqual(Buffer.from('é'))
    expect(encodeText('é', 'SQL_ASCII')).toEqual(Buffer.from('é'))
    expect(encodeText('plain', 'EUC_TW')).toEqual(Buffer.from('plain'))
  })
})
