/**
 * The cheap first look at a query text, as latin1: may it hold a statement of ours? May say yes too often, never no too
 * often; the parser decides. Linear whatever the text.
 */
export function mayBeOurs(text: string, strictAzure = false): boolean {
  return (
    (strictAzure && /extension/i.test(text)) ||
    // An escape may stand for the colon and slashes, or the end of a line part them, and in U&"..." for a name's letters.
    inOrder(text, /copy/i, /:\/\/|\\|u&'|'[ \t\f\v]*[\r\n]/i) ||
    mayBeBody(text) ||
    inOrder(text, /extension|set/i, /azure_storage/i) ||
    /pg_available_extension|pg_settings/i.test(text) ||
    /account_add|blob_put/i.test(text) ||
    text.includes('&"')
  )
}

/** Whether somebody's credential may be written in a text: then it must not come into the server's log. */
export const mayHoldCredential = (text: string): boolean =>
  /account_add|credential_encryption_key|sig=/i.test(text) || text.includes('&"')

/** A DO or the making of a function, in which something is run that the text does not tell. */
const mayBeBody = (text: string): boolean =>
  /copy/i.test(text) && /execute/i.test(text) && /\b(?:do|function|procedure)\b/i.test(text)

/** Linear, which one pattern for both would not be. */
export function inOrder(text: string, first: RegExp, second: RegExp): boolean {
  const at = text.search(first)
  return at >= 0 && second.test(text.slice(at))
}
