/** An encoding by PostgreSQL's name, and the Encoding Standard's label for a TextDecoder. */
export interface Encoding {
  readonly name: string
  readonly label: string | undefined
}

/** The Encoding Standard's label is missing where it has none, or not the same characters. */
const ENCODINGS: readonly [name: string, label: string | undefined, ...aliases: string[]][] = [
  ['SQL_ASCII', undefined],
  ['UTF8', 'utf-8', 'unicode'],
  ['LATIN1', 'latin1', 'iso88591'],
  ['LATIN2', 'iso-8859-2', 'iso88592'],
  ['LATIN3', 'iso-8859-3', 'iso88593'],
  ['LATIN4', 'iso-8859-4', 'iso88594'],
  ['LATIN5', 'iso-8859-9', 'iso88599'],
  ['LATIN6', 'iso-8859-10', 'iso885910'],
  ['LATIN7', 'iso-8859-13', 'iso885913'],
  ['LATIN8', 'iso-8859-14', 'iso885914'],
  ['LATIN9', 'iso-8859-15', 'iso885915'],
  ['LATIN10', 'iso-8859-16', 'iso885916'],
  ['ISO_8859_5', 'iso-8859-5'],
  ['ISO_8859_6', 'iso-8859-6'],
  ['ISO_8859_7', 'iso-8859-7'],
  ['ISO_8859_8', 'iso-8859-8'],
  ['KOI8R', 'koi8-r', 'koi8'],
  ['KOI8U', 'koi8-u'],
  ['WIN866', 'ibm866', 'alt', 'windows866'],
  ['WIN874', 'windows-874', 'windows874'],
  ['WIN1250', 'windows-1250', 'windows1250'],
  ['WIN1251', 'windows-1251', 'windows1251', 'win'],
  ['WIN1252', 'windows-1252', 'windows1252'],
  ['WIN1253', 'windows-1253', 'windows1253'],
  ['WIN1254', 'windows-1254', 'windows1254'],
  ['WIN1255', 'windows-1255', 'windows1255'],
  ['WIN1256', 'windows-1256', 'windows1256'],
  ['WIN1257', 'windows-1257', 'windows1257'],
  ['WIN1258', 'windows-1258', 'windows1258', 'abc', 'tcvn', 'tcvn5712', 'vscii'],
  ['EUC_CN', 'gbk'],
  ['EUC_JP', 'euc-jp'],
  ['EUC_KR', 'euc-kr'],
  ['SJIS', 'shift_jis', 'shiftjis', 'mskanji', 'win932', 'windows932'],
  ['BIG5', 'big5', 'win950', 'windows950'],
  ['GBK', 'gbk', 'win936', 'windows936'],
  ['UHC', 'euc-kr', 'win949', 'windows949'],
  ['GB18030', 'gb18030'],
  ['EUC_JIS_2004', undefined],
  ['EUC_TW', undefined],
  ['JOHAB', undefined],
  ['MULE_INTERNAL', undefined],
  ['SHIFT_JIS_2004', undefined, 'shiftjis2004'],
]
const BY_NAME = new Map(
  ENCODINGS.flatMap(([name, label, ...aliases]) =>
    [plainName(name), ...aliases].map(each => [each, { name, label }] as const),
  ),
)

/** By any name that PostgreSQL takes, in any spelling. Source: pg_char_to_encoding() in common/encnames.c. */
export const findEncoding = (name: string): Encoding | undefined => BY_NAME.get(plainName(name))

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}
