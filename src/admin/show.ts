import type { Services } from '../services.ts'
import { type Row, SHOWN } from './shown.ts'

/** What this process shows: of a proxy with workers, its own part. */
export const showOwn = async (what: string, services: Services): Promise<Iterable<Row>> =>
  (await SHOWN.get(what)?.rows(services)) ?? []

/** The same of all workers. */
export async function showAll(what: string, services: Services): Promise<Iterable<Row>> {
  const own = await showOwn(what, services)
  const merge = SHOWN.get(what)?.merge
  if (merge === undefined || services.siblings === undefined) return own
  return merge([...own, ...(await services.siblings.shown(what))])
}
