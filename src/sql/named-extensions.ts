import { decodeText } from './encoding.ts'
import type { RawStatement } from './query-text.ts'

/** The extensions that a statement creates or drops. */
export interface NamedExtensions {
  readonly action: 'create' | 'drop'
  readonly names: readonly string[]
}

export function namedExtensions({ node }: RawStatement, encoding: string): NamedExtensions | undefined {
  if ('CreateExtensionStmt' in node) {
    return { action: 'create', names: [decodeText(node.CreateExtensionStmt.extname ?? '', encoding)] }
  }
  if ('DropStmt' in node && node.DropStmt.removeType === 'OBJECT_EXTENSION') {
    const objects = (node.DropStmt.objects ?? []) as readonly { readonly String?: { readonly sval?: string } }[]
    return { action: 'drop', names: objects.map(each => decodeText(each.String?.sval ?? '', encoding)) }
  }
  return undefined
}
