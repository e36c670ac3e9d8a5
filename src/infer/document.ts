import { type Encoding, textReader } from './encoding.ts'
import { jsonTypes } from './json-types.ts'
import { type Sample, takeSample } from './sample.ts'
import { TYPE } from './type-bits.ts'

/** A file that is one value of one column, as COPY takes json, xml and text. */
export interface InferredDocument {
  readonly kind: 'document'
  readonly format: 'json' | 'xml' | 'text'
  readonly encoding: Encoding
  readonly type: 'json' | 'jsonb' | 'text'
  readonly notes: readonly string[]
}

/** Of a JSON text that is looked at as a whole. A larger one is read as text, for there is no looking at it in parts. */
const MAX_JSON_BYTES = 256 * 1024 * 1024

export async function inferDocument(
  sample: Sample,
  encoding: Encoding,
  format: 'json' | 'xml' | 'text',
  readAll: (() => AsyncIterable<Buffer>) | undefined,
): Promise<InferredDocument> {
  const document = { kind: 'document', format, encoding, type: 'text', notes: [] } as const
  if (format !== 'json') return document
  const all = sample.isWhole || readAll === undefined ? sample : await takeSample(readAll(), MAX_JSON_BYTES)
  if (!all.isWhole && readAll !== undefined) return { ...document, notes: [`it is too large to be checked as JSON`] }
  // The end decides, and it was not read.
  if (!all.isWhole) return { ...document, type: 'json', notes: ['whether it is JSON to its end was not looked at'] }
  if (all.bytes.length === 0) return { ...document, type: 'jsonb' }
  const types = jsonTypes(textReader(encoding)(all.bytes))
  if ((types & TYPE.jsonb) !== 0) return { ...document, type: 'jsonb' }
  if ((types & TYPE.json) !== 0) return { ...document, type: 'json' }
  return { ...document, notes: ['it is not one JSON value'] }
}

/** Whether each line is JSON, by the first two. */
export function isJsonLines(bytes: Buffer): boolean {
  const text = bytes.subarray(0, 16 * 1024 * 1024).toString('latin1')
  const lines = text.split(/\r?\n/, 3)
  return (
    lines.length > 1 && /^\s*[{[]/.test(text) && lines.slice(0, 2).every(line => line === '' || jsonTypes(line) !== 0)
  )
}
