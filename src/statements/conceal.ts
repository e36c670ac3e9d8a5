import { rewriteSecrets } from '../sql/account-secrets.ts'
import type { Statement } from '../sql/classify.ts'
import { hasSecret } from '../sql/copy-words.ts'
import type { SealOne } from '../sql/credential-config.ts'
import { Rewrite } from '../sql/rewrite.ts'

/** Does not parse, and gives nothing away. */
export const UNREADABLE = 'azure_storage'

/**
 * A text that passes, though there are statements of ours in it: the server runs nothing of it, or what it does with it
 * cannot be seen. It is what the client has sent, but for the secrets.
 */
export function conceal(text: string, statements: readonly Statement[], seal: SealOne): Rewrite {
  const rewrite = new Rewrite(text)
  let done = 0
  for (const statement of statements) {
    const shown = shownText(statement, text)
    rewrite.keep(done, statement.start)
    done = statement.end
    if (statement.kind === 'with-secrets') rewrite.append(rewriteSecrets(statement, statement.secrets, text, seal))
    else if (shown !== undefined) rewrite.put(shown, statement.start)
    else rewrite.keep(statement.start, statement.end)
  }
  return rewrite.keep(done, text.length)
}

/** What stands in the statement's place; undefined where it has no secret. */
function shownText(statement: Statement, text: string): string | undefined {
  if (statement.kind === 'copy' && hasSecret(statement, text)) return statement.copy.original
  if (statement.kind === 'refuse') return statement.isUnread ? UNREADABLE : statement.copy
  return undefined
}
