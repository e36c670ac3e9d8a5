import type pg from 'pg'

interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(bytes: Buffer): void
  endCopyFrom(): void
}

/** Runs a COPY … FROM STDIN with this data. */
export function copyIn(client: pg.Client, text: string, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query({
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse: (connection: CopyConnection) => {
        connection.sendCopyFromChunk(data)
        connection.endCopyFrom()
      },
      handleCommandComplete: () => {},
      handleReadyForQuery: () => resolve(),
      handleError: reject,
      // biome-ignore lint/suspicious/noExplicitAny: pg calls these on anything that has `submit`
    } as any)
  })
}

/** What a COPY … TO STDOUT writes. */
export function copyOut(client: pg.Client, text: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    client.query({
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyData: ({ chunk }: { chunk: Buffer }) => chunks.push(Buffer.from(chunk)),
      handleCommandComplete: () => {},
      handleReadyForQuery: () => resolve(Buffer.concat(chunks)),
      handleError: reject,
      // biome-ignore lint/suspicious/noExplicitAny: pg calls these on anything that has `submit`
    } as any)
  })
}
