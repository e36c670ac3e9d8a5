/** The text in the body of a message from `start` up to its zero byte, one char a byte. */
export function cstring(body: Buffer, start: number): string {
  const end = body.indexOf(0, start)
  return body.toString('latin1', start, end < 0 ? body.length : end)
}
