/**
 * Quotes as PostgreSQL's quote_literal does: right under any standard_conforming_strings. Used instead of pg's own, which
 * would bring the driver into the reader's thread.
 */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

export const quoteIdent = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** For a POSIX shell; words that need no quotes have none. */
export const quoteShellWord = (word: string): string =>
  /^[\w.:/@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
