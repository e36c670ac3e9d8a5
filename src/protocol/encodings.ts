/** PostgreSQL's names, and those that it also takes. */
const ENCODINGS: readonly (readonly [name: string, ...aliases: string[]])[] = [
  ['SQL_ASCII'],
  ['UTF8', 'unicode'],
  ['LATIN1', 'iso88591'],
  ['LATIN2', 'iso88592'],
  ['LATIN3', 'iso88593'],
  ['LATIN4', 'iso88594'],
  ['LATIN5', 'iso88599'],
  ['LATIN6', 'iso885910'],
  ['LATIN7', 'iso885913'],
  ['LATIN8', 'iso885914'],
  ['LATIN9', 'iso885915'],
  ['LATIN10', 'iso885916'],
  ['ISO_8859_5'],
  ['ISO_8859_6'],
  ['ISO_8859_7'],
  ['ISO_8859_8'],
  ['KOI8R', 'koi8'],
  ['KOI8U'],
  ['WIN866', 'alt', 'windows866'],
  ['WIN874', 'windows874'],
  ['WIN1250', 'windows1250'],
  ['WIN1251', 'windows1251', 'win'],
  ['WIN1252', 'windows1252'],
  ['WIN1253', 'windows1253'],
  ['WIN1254', 'windows1254'],
  ['WIN1255', 'windows1255'],
  ['WIN1256', 'windows1256'],
  ['WIN1257', 'windows1257'],
  ['WIN1258', 'windows1258', 'abc', 'tcvn', 'tcvn5712', 'vscii'],
  ['EUC_CN'],
  ['EUC_JP'],
  ['EUC_KR'],
  ['EUC_TW'],
  ['EUC_JIS_2004'],
  ['SJIS', 'shiftjis', 'mskanji', 'win932', 'windows932'],
  ['SHIFT_JIS_2004', 'shiftjis2004'],
  ['BIG5', 'win950', 'windows950'],
  ['GBK', 'win936', 'windows936'],
  ['UHC', 'win949', 'windows949'],
  ['GB18030'],
  ['JOHAB'],
  ['MULE_INTERNAL'],
]
const BY_NAME = new Map(
  ENCODINGS.flatMap(([name, ...aliases]) => [plainName(name), ...aliases].map(each => [each, name] as const)),
)

/** Of any name that PostgreSQL takes, in any spelling, its own. Source: pg_char_to_encoding() in common/encnames.c. */
export const findEncoding = (name: string): string | undefined => BY_NAME.get(plainName(name))

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}
