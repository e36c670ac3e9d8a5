import { PgError } from '../protocol/pg-error.ts'
import { SQLSTATE } from '../protocol/sqlstate.ts'
import { checkFault, type Fault, type FaultStore, type InjectedFault } from '../storage/faults.ts'

/** Of the functions in the schema blobgres. */
export type FaultRequest =
  | { readonly verb: 'INJECT'; readonly database: string; readonly fault: InjectedFault }
  | { readonly verb: 'CLEAR' | 'FAULTS'; readonly database: string }

export const FAULT_COLUMNS = ['fault', 'account', 'container', 'path_pattern', 'times']

export function readFaultRequest(
  verb: FaultRequest['verb'],
  fields: Readonly<Record<string, unknown>>,
  database: string,
): FaultRequest {
  if (verb !== 'INJECT') return { verb, database }
  const fault = {
    fault: String(fields.fault) as Fault,
    account: String(fields.account),
    container: String(fields.container),
    pathPattern: String(fields.path_pattern),
    times: Number(fields.times),
  }
  return { verb, database, fault }
}

/** Does what it asks for, and tells the faults that are there then. Rejects with a PgError. */
export async function answerFaults(request: FaultRequest, faults: FaultStore | undefined): Promise<string[][]> {
  if (faults === undefined) throw off()
  const { verb, database } = request
  if (verb === 'INJECT') {
    checkFault(request.fault)
    await faults.inject(database, request.fault)
  } else if (verb === 'CLEAR') await faults.clear(database)
  const left = await faults.of(database)
  return left.map(({ fault, account, container, pathPattern, times }) => {
    return [fault, account, container, pathPattern, String(times)]
  })
}

function off(): PgError {
  return new PgError({
    message: 'blobgres: this proxy injects no faults',
    code: SQLSTATE.featureNotSupported,
    hint: 'It does with --extras, and in the dev stack.',
  })
}
