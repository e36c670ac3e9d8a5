import { describe, expect, it } from 'vitest'
import { resolveFormat } from '../../../src/formats/format.ts'
import rules from '../../fixtures/rules.json' with { type: 'json' }

describe('resolveFormat', () => {
  it.each([
    ['a.csv', 'csv', 'none'],
    ['a.csv.gz', 'csv', 'gzip'],
    ['a.tsv', 'tsv', 'none'],
    ['a.tsv.gz', 'tsv', 'gzip'],
    ['a.json', 'text', 'none'],
    ['a.json.gz', 'text', 'gzip'],
    ['a.xml', 'text', 'none'],
    ['a.xml.gz', 'text', 'gzip'],
    ['a.txt', 'text', 'none'],
    ['a.txt.gz', 'text', 'gzip'],
    ['a.parquet', 'parquet', 'snappy'],
    ['dir.d/.csv', 'csv', 'none'],
  ])('infers %s', (path, format, compression) => {
    expect(resolveFormat(path, 'auto', 'auto')).toEqual({ format, compression })
  })

  it.each([
    ['a', ''],
    ['a.CSV', 'CSV'],
    ['a.dat', 'dat'],
    ['a.dat.gz', 'gz'],
    ['a.parquet.gz', 'gz'],
    ['csv', ''],
    ['a.', ''],
  ])('cannot infer %s', (path, extension) => {
    expect(() => resolveFormat(path, 'auto', 'auto')).toThrow(
      expect.objectContaining({
        message:
          `azure_storage: could not infer file encoding from extension: '${extension}', use a supported extension ` +
          '[csv, csv.gz, tsv, tsv.gz, json, json.gz, xml, xml.gz, txt, txt.gz, parquet], or specify the decoder ' +
          'argument if you are using blob_get or format if using COPY FROM/TO',
        code: '22023',
      }),
    )
  })

  it.each([
    ['csv', 'csv'],
    ['tsv', 'tsv'],
    ['binary', 'binary'],
    ['text', 'text'],
    ['xml', 'text'],
    ['json', 'text'],
    ['parquet', 'parquet'],
  ])('takes the decoder %s at its word', (decoder, format) => {
    expect(resolveFormat('a.dat', decoder, 'none')).toEqual({ format, compression: 'none' })
  })

  it.each(rules.formats)('says of $path by $coder that it is Parquet: $parquet', ({ path, coder, parquet }) => {
    expect(resolveFormat(path, coder, 'auto').format === 'parquet').toBe(parquet)
  })

  it.each(rules.refusedFormats)('refuses $path by $coder', ({ path, coder }) => {
    expect(() => resolveFormat(path, coder, 'auto')).toThrow(expect.objectContaining({ code: '22023' }))
  })

  it('infers the compression of an explicit decoder', () => {
    expect(resolveFormat('a.gz', 'csv', 'auto').compression).toBe('gzip')
    expect(resolveFormat('a.csv.gz', 'csv', 'none').compression).toBe('none')
    expect(resolveFormat('a.dat', 'binary', 'gzip').compression).toBe('gzip')
  })

  it.each(['none', 'gzip', 'snappy', 'zstd', 'brotli', 'lz4'])('has %s in parquet', compression => {
    expect(resolveFormat('a.parquet', 'auto', compression)).toEqual({ format: 'parquet', compression })
  })

  it.each([
    ['avro', 'auto', 'azure_storage: invalid decoder: avro'],
    ['CSV', 'auto', 'azure_storage: invalid decoder: CSV'],
    ['', 'auto', 'azure_storage: invalid decoder: '],
    ['csv', 'zip', 'azure_storage: invalid compression algorithm: zip'],
    ['parquet', 'zip', 'azure_storage: invalid compression algorithm: zip'],
    ['csv', 'zstd', 'azure_storage: compression algorithm zstd can only be used with parquet'],
  ])('refuses decoder %j with compression %j', (decoder, compression, message) => {
    expect(() => resolveFormat('a.csv', decoder, compression)).toThrow(
      expect.objectContaining({ message, code: '22023' }),
    )
  })
})
