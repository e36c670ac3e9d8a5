import type { AccountView, FindingView } from '../api.ts'
import { copyable } from './copyable.ts'
import { byId, element, fillTable, setText } from './elements.ts'
import { get } from './requests.ts'

export async function showAccounts(): Promise<void> {
  const empty = byId('accounts-empty')
  try {
    const accounts = await get<readonly AccountView[]>('/api/accounts')
    const rows = accounts.map(({ database, account, authType }) => [
      { content: database },
      { content: account },
      { content: authType },
    ])
    fillTable(byId<HTMLTableElement>('accounts-table'), ['Database', 'Account', 'By'], rows)
    setText(empty, accounts.length > 0 ? '' : 'None: SELECT azure_storage.account_add(…) registers one.')
  } catch (error) {
    setText(empty, (error as Error).message)
  }
}

const SIGNS = { ok: '✓', failed: '✗', untried: '–' } as const
const WORDS = { ok: 'right', failed: 'wrong', untried: 'not tried' } as const

export function offerChecks(): void {
  const button = byId<HTMLButtonElement>('check')
  const list = byId('findings')
  button.addEventListener('click', async () => {
    button.disabled = true
    list.replaceChildren(element('li', { class: 'empty' }, 'Looking …'))
    try {
      const findings = await get<readonly FindingView[]>('/api/checks')
      list.replaceChildren(...findings.map(findingItem))
    } catch (error) {
      list.replaceChildren(element('li', { class: 'failure' }, (error as Error).message))
    }
    button.disabled = false
  })
}

function findingItem({ check, result, reason, fix, advice }: FindingView): HTMLElement {
  const sign = element('span', { class: 'sign', role: 'img', 'aria-label': WORDS[result] }, SIGNS[result])
  const item = element('li', { class: `finding ${result}` }, sign, ' ', element('strong', {}, check), `: ${reason}`)
  if (advice) item.append(element('p', {}, advice))
  if (fix) {
    const place = fix.database === undefined ? fix.into : `${fix.into}, in database ${fix.database}`
    item.append(copyable(`To be pasted into ${place}`, fix.command))
  }
  return item
}
