import { quoteLiteral } from './quote.ts'

/** An option of COPY as the parser has it; `location` is where in the query text it was written. */
export interface CopyOption {
  readonly name: string
  readonly value: OptionValue | undefined
  readonly location: number | undefined
}

export type OptionValue = string | boolean | number | { readonly star: true } | readonly OptionValue[]

export function readOption(node: object, offsetOf: (location: number) => number): CopyOption {
  const { defname, arg, location } = (node as { DefElem: { defname: string; arg?: object; location?: number } }).DefElem
  return {
    name: defname,
    value: arg && readValue(arg),
    location: location === undefined ? undefined : offsetOf(location),
  }
}

function readValue(node: object): OptionValue {
  const value = node as {
    String?: { sval?: string }
    Integer?: { ival?: number }
    Float?: { fval?: string }
    Boolean?: { boolval?: boolean }
    A_Star?: object
    List?: { items?: object[] }
  }
  if (value.List) return (value.List.items ?? []).map(readValue)
  if (value.A_Star) return { star: true }
  if (value.Integer) return value.Integer.ival ?? 0
  if (value.Boolean) return value.Boolean.boolval ?? false
  return value.Float?.fval ?? value.String?.sval ?? ''
}

export function writeValue(value: OptionValue): string {
  if (typeof value === 'string') return quoteLiteral(value).trim()
  if (typeof value !== 'object') return String(value)
  return 'star' in value ? '*' : `(${value.map(writeValue).join(', ')})`
}

/** As PostgreSQL's defGetBoolean() reads it. */
export function isTrue(value: OptionValue | undefined): boolean {
  return value === undefined || ['true', 'on', '1'].includes(String(value).toLowerCase())
}
