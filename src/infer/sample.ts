/** The beginning of a file, without its compression, or all of it. */
export interface Sample {
  readonly bytes: Buffer
  readonly isWhole: boolean
}

export interface InferredColumn {
  readonly name: string
  readonly type: string
}

/** PostgreSQL's MaxHeapAttributeNumber. */
export const MAX_COLUMNS = 1600

/** @param chunks are left where enough was read */
export async function takeSample(chunks: AsyncIterable<Buffer>, limitBytes: number): Promise<Sample> {
  const taken: Buffer[] = []
  let length = 0
  for await (const chunk of chunks) {
    taken.push(chunk)
    length += chunk.length
    // One more than asked for tells that there is more.
    if (length > limitBytes) return { bytes: Buffer.concat(taken).subarray(0, limitBytes), isWhole: false }
  }
  return { bytes: Buffer.concat(taken), isWhole: true }
}
