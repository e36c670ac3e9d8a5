import { decodeText, isAscii } from './encoding.ts'
import { isUnsafeEncoding, type RawStatement, type Token } from './query-text.ts'

/** A value of a statement: written in it, or a parameter. */
export type Value =
  | { readonly start: number; readonly end: number; readonly text: string }
  | { readonly parameter: number }

/** A part of the parser's tree. */
export type Node = Readonly<Record<string, unknown>>

export interface Call {
  readonly schema: string | undefined
  readonly name: string
  readonly args: readonly Node[]
}

export interface Parts {
  readonly calls: readonly Call[]
  /** Strings. */
  readonly constants: readonly Node[]
  /** How often each parameter is used. */
  readonly parameters: ReadonlyMap<number, number>
}

export interface FuncCall {
  readonly funcname: readonly { readonly String: { readonly sval: string } }[]
  readonly args?: readonly Node[]
}

interface Constant {
  readonly sval?: { readonly sval?: string }
  readonly location: number
}

interface TypeCast {
  readonly arg: Node
  readonly typeName: {
    readonly names: FuncCall['funcname']
    readonly typmods?: unknown
    readonly arrayBounds?: unknown
  }
}

/** Casts that leave a value what it is. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['text', 'varchar', 'json', 'jsonb'])

/** All of a statement's, however deep. */
export function partsOf(root: RawStatement['node']): Parts {
  const calls: Call[] = []
  const constants: Node[] = []
  const parameters = new Map<number, number>()
  const open: unknown[] = [root]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    const { FuncCall, A_Const, ParamRef } = node as {
      FuncCall?: FuncCall
      A_Const?: Constant
      ParamRef?: { number: number }
    }
    if (FuncCall) {
      calls.push(readCall(FuncCall))
    }
    if (A_Const?.sval) constants.push(node as Node)
    if (ParamRef) parameters.set(ParamRef.number, (parameters.get(ParamRef.number) ?? 0) + 1)
    for (const part of Object.values(node)) open.push(part)
  }
  return { calls, constants, parameters }
}

export function readCall({ funcname, args = [] }: FuncCall): Call {
  const names = funcname.map(({ String: { sval } }) => sval)
  return { schema: names.at(-2), name: names.at(-1) ?? '', args }
}

/** What an expression is without any computing; undefined where it takes some. */
export function readValue(expression: Node, raw: RawStatement, encoding: string): Value | undefined {
  const { A_Const, ParamRef, TypeCast, CollateClause } = expression as {
    A_Const?: Constant
    ParamRef?: { number: number }
    TypeCast?: TypeCast
    CollateClause?: { arg: Node }
  }
  if (ParamRef) return { parameter: ParamRef.number }
  if (CollateClause) return readValue(CollateClause.arg, raw, encoding)
  if (TypeCast) {
    const { names, typmods, arrayBounds } = TypeCast.typeName
    const isPlain = PLAIN_TYPES.has(names.at(-1)?.String.sval ?? '') && !typmods && !arrayBounds
    return isPlain ? readValue(TypeCast.arg, raw, encoding) : undefined
  }
  return A_Const?.sval && literal(A_Const.sval.sval ?? '', A_Const.location, raw, encoding)
}

function literal(latin1: string, location: number, raw: RawStatement, encoding: string): Value | undefined {
  // The parser's view of such a character is not the client's.
  if (isUnsafeEncoding(encoding) && !isAscii(latin1)) return undefined
  const { tokens } = raw
  const start = raw.offsetOf(location)
  const index = indexOfToken(tokens, start)
  const isEscaped = tokens[index + 1]?.text.toLowerCase() === 'uescape'
  const end = tokens[isEscaped ? index + 2 : index]?.end
  return end === undefined ? undefined : { start, end, text: decodeText(latin1, encoding) }
}

/** Index of the word that begins at `start`; -1 where none does. */
function indexOfToken(tokens: readonly Token[], start: number): number {
  let [low, high] = [0, tokens.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((tokens[middle] as Token).start < start) low = middle + 1
    else high = middle
  }
  return tokens[low]?.start === start ? low : -1
}
