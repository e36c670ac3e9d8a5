import type { Activity } from '../api.ts'
import { byId, fillTable, setText } from './elements.ts'
import { count, timeOfDay } from './words.ts'

const COLUMNS = ['Session', 'User', 'Database', 'State', 'Client', 'Backend', 'Since']
let before = ''

export function showSessions({ sessions, count: all }: Activity): void {
  const now = JSON.stringify(sessions)
  if (now === before) return
  before = now
  const rows = sessions.map(({ id, pid, user, database, client, state, since }) => [
    { content: String(id), isNumber: true },
    { content: user },
    { content: database },
    { content: state },
    { content: client },
    { content: pid === 0 ? '' : String(pid), isNumber: true },
    { content: timeOfDay(since) },
  ])
  fillTable(byId<HTMLTableElement>('sessions-table'), COLUMNS, rows)
  byId('sessions-empty').hidden = sessions.length > 0
  setText(byId('sessions-count'), all > 0 ? count(all) : '')
}
