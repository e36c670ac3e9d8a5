/** PostgreSQL's names of client encodings, by the Encoding Standard's; what is missing here is its own lower-case name. */
const LABELS: Readonly<Record<string, string>> = {
  UTF8: 'utf-8',
  SQL_ASCII: 'utf-8',
  LATIN1: 'iso-8859-1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'iso-8859-9',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
  EUC_CN: 'gbk',
  EUC_JP: 'euc-jp',
  EUC_JIS_2004: 'euc-jp',
  EUC_KR: 'euc-kr',
}

/**
 * Reads bytes (as latin1 text) in a client encoding; bytes that are not of it come out as they are, and so do characters
 * that an escape in the query text (U&'', E'') has made.
 */
export function decodeText(latin1: string, encoding: string): string {
  if (encoding === 'LATIN1') return latin1
  const decoder = decoderFor(encoding)
  // Node's fast path takes windows-1252 for latin1, unless it streams; single bytes leave nothing behind.
  const options = { stream: encoding === 'WIN1252' }
  return latin1.replace(/[\x80-\xff]+/g, bytes => {
    try {
      return decoder.decode(Buffer.from(bytes, 'latin1'), options)
    } catch {
      return bytes
    }
  })
}

function decoderFor(encoding: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(LABELS[encoding] ?? encoding, { fatal: true })
  } catch {
    return new TextDecoder('utf-8', { fatal: true })
  }
}
