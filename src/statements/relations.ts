import { STATUS } from '../protocol/codes.ts'
import type { BorrowedBackend } from '../session/borrowed-backend.ts'
import type { Statement } from '../sql/classify.ts'
import type { CopyStatement, SelectedRows } from '../sql/copy-statement.ts'
import { lookUp } from './look-up.ts'

const ONLY = 'ONLY '

/**
 * The columns to select from a relation that COPY TO refuses to read (view, materialised view, foreign and partitioned
 * table), NULL for any other; no row where there is none of that name. The parameter is bytes in the client's encoding.
 * With `tables`, also those of a table: behind the word ONLY.
 */
const lookUpText = (tables: boolean): string => `
SELECT CASE
  WHEN c.relkind OPERATOR(pg_catalog.=) ANY ('{v,m}'::pg_catalog."char"[]) THEN '*'
  WHEN c.relkind OPERATOR(pg_catalog.=) ANY ('{f,p${tables ? ',r' : ''}}'::pg_catalog."char"[]) THEN (
    SELECT pg_catalog.concat(CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'r' THEN '${ONLY}' END, pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum))
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0
      AND NOT a.attisdropped AND a.attgenerated OPERATOR(pg_catalog.=) ''
  )
END
FROM pg_catalog.pg_class c
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)`

/** What a query on the relation has to select for COPY TO; undefined where COPY TO reads the relation itself. */
type SelectList = SelectedRows | undefined
const EVERYTHING: SelectList = { list: '*', only: false }
const CREATED = { table: undefined, view: EVERYTHING } as const

/**
 * Finds out, in the client's own session, for which exports the rows must come from a query.
 * @throws Answered
 */
export async function selectListsFor(
  backend: BorrowedBackend,
  statements: readonly Statement[],
  inPipeline: boolean,
): Promise<(copy: CopyStatement) => SelectList> {
  const lists = new Map<CopyStatement, SelectList>()
  // The backend will say why it runs no statement, if the text has no mistake that comes first.
  const hasFailed = backend.pending.status === STATUS.failed
  for (const [index, statement] of statements.entries()) {
    if (statement.kind !== 'copy' || statement.copy.direction !== 'to') continue
    const { copy } = statement
    if (copy.relation === undefined) continue
    // The statements before may create it, or end the failed transaction that hides it: it may be a view.
    const isQuery = copy.format.format === 'jsonl'
    const unknown = index > 0 || hasFailed || isQuery ? EVERYTHING : undefined
    if (statement.created)
      lists.set(copy, CREATED[statement.created] ?? (isQuery ? { list: '*', only: true } : undefined))
    else if (hasFailed) lists.set(copy, unknown)
    else {
      const relation = Buffer.from(copy.relation, 'latin1')
      const found = await lookUp(backend, lookUpText(isQuery), [relation], unknown?.list, inPipeline)
      lists.set(copy, found === undefined ? undefined : selected(found))
    }
  }
  return copy => lists.get(copy)
}

const selected = (found: string): SelectedRows =>
  found.startsWith(ONLY) ? { list: found.slice(ONLY.length), only: true } : { list: found, only: false }
