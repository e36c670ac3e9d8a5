import { extname } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { PgError, type PgErrorFields } from '../../protocol/pg-error.ts'
import { startThread } from '../../thread.ts'
import type { createRowEncoder } from './row-codecs.ts'

/** More than this takes some milliseconds to encode, in which everybody else waits. */
export const LARGE_ROWS_BYTES = 256 * 1024
const IDLE_MS = 10_000

/** What a row encoder is made with. */
export type EncoderOptions = Parameters<typeof createRowEncoder>

export interface EncodeRequest {
  readonly options: EncoderOptions
  readonly rows: Uint8Array
}

/** `rows` come back, so that their memory is not kept by a thread that has nothing to do. */
export type EncodeAnswer = (
  | { readonly bytes: Uint8Array; readonly count: number; readonly error?: undefined }
  | { readonly error: PgErrorFields }
) & { readonly rows: Uint8Array }

export interface EncodedRows {
  readonly bytes: Buffer
  /** How many rows they are. */
  readonly count: number
}

interface Job {
  readonly resolve: (encoded: EncodedRows) => void
  readonly reject: (error: Error) => void
}

/** One for the process: who has large rows waits for others who have. */
let thread: Worker | undefined
let jobs: Job[] = []
let idle: NodeJS.Timeout | undefined

/** What createRowEncoder(…options) makes of rows, from a thread of its own; `rows` are gone then. @throws PgError */
export function encodeLargeRows(options: EncoderOptions, rows: Buffer): Promise<EncodedRows> {
  clearTimeout(idle)
  thread ??= start()
  const own = ownBytes(rows)
  thread.postMessage({ options, rows: own } satisfies EncodeRequest, [own.buffer])
  return new Promise((resolve, reject) => jobs.push({ resolve, reject }))
}

/** Bytes whose memory nobody else has a part of, beside the head of the message that they came in. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const isOwn = bytes.buffer.byteLength - bytes.byteLength < 1024 && bytes.byteLength > LARGE_ROWS_BYTES / 2
  return isOwn ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}

export const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength)

function start(): Worker {
  const started = startThread(new URL(`encoder-thread${extname(import.meta.filename)}`, import.meta.url))
  const fail = (error: Error): void => {
    if (thread !== started) return
    const failed = jobs
    stop()
    for (const job of failed) job.reject(error)
  }
  started.on('message', (answer: EncodeAnswer) => {
    const job = jobs.shift()
    if (answer.error === undefined) job?.resolve({ bytes: asBuffer(answer.bytes), count: answer.count })
    else job?.reject(new PgError(answer.error))
    if (jobs.length === 0) idle = setTimeout(stop, IDLE_MS).unref()
  })
  started.on('error', fail)
  started.on('exit', () => fail(new Error('the thread that encodes rows has ended')))
  started.unref()
  return started
}

function stop(): void {
  void thread?.terminate()
  thread = undefined
  jobs = []
}
