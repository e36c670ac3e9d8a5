/** Quotes as PostgreSQL's quote_literal does: right under any standard_conforming_strings. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

export const quoteIdent = (name: string): string => `"${name.replaceAll('"', '""')}"`
