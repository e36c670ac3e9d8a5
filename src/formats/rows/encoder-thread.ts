/*
 * A thread that encodes rows which are so large that the event loop would stand still.
 */
import { parentPort } from 'node:worker_threads'
import { asPgError } from '../../protocol/pg-error.ts'
import { asBuffer, type EncodeAnswer, type EncodeRequest, ownBytes } from './large-rows.ts'
import { createRowEncoder } from './row-codecs.ts'

parentPort?.on('message', ({ options, rows }: EncodeRequest) => {
  const answer = (message: EncodeAnswer, bytes: Uint8Array<ArrayBuffer>[]): void =>
    parentPort?.postMessage(
      message,
      bytes.map(({ buffer }) => buffer),
    )
  const given = rows as Uint8Array<ArrayBuffer>
  try {
    const encoder = createRowEncoder(...options)
    const bytes = ownBytes(encoder.encode(asBuffer(rows)))
    answer({ bytes, count: encoder.rows, rows }, [bytes, given])
  } catch (error) {
    const { message, code, detail, hint } = asPgError(error)
    answer({ error: { message, code, detail, hint }, rows }, [given])
  }
})
