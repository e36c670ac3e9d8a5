import type { Activity, TransferView } from '../api.ts'
import { byId, element, fillTable, setText, showFailure } from './elements.ts'
import { post } from './requests.ts'
import { bytes, count, duration, timeOfDay } from './words.ts'

/** One under way: made once, then changed in place, so that nothing loses the focus. */
class LiveTransfer {
  readonly item: HTMLElement
  readonly #bar = element('progress')
  readonly #state = element('span', { class: 'badge' })
  readonly #progress = element('p', { class: 'progress' })

  constructor(transfer: TransferView) {
    const { id, account, container, path, direction, statement, format, compression, user, database, session } =
      transfer
    this.#bar.setAttribute('aria-label', `Progress of ${path}`)
    const packed = compression === 'none' ? '' : `, ${compression}`
    const what = `${direction}, ${statement}, ${format}${packed} · ${user}@${database}`
    const button = element('button', { type: 'button', 'aria-label': `Cancel ${direction} of ${path}` }, 'Cancel')
    button.addEventListener('click', () => this.#cancel(id, button))
    const note = element('small', { class: 'note' }, 'not through this proxy')
    this.item = element(
      'li',
      { class: direction },
      element('div', { class: 'what' }, element('strong', { class: 'path' }, path), this.#state),
      element('p', { class: 'where' }, `${account}/${container} · ${what}`),
      this.#bar,
      element('div', { class: 'below' }, this.#progress, session === null ? note : button),
    )
    this.update(transfer)
  }

  update({ state, bytes: done, totalBytes, rows, bytesPerSecond, ms }: TransferView): void {
    setText(this.#state, state)
    if (totalBytes === null) this.#bar.removeAttribute('value')
    else {
      this.#bar.max = Math.max(1, totalBytes)
      this.#bar.value = done
    }
    const percent = totalBytes ? `${Math.floor((done / totalBytes) * 100)} % of ` : ''
    const parts = [
      percent + bytes(totalBytes ?? done),
      ...(rows === null ? [] : [`${count(rows)} rows`]),
      `${bytes(bytesPerSecond)}/s`,
      duration(ms),
    ]
    setText(this.#progress, parts.join(' · '))
  }

  async #cancel(id: number, button: HTMLButtonElement): Promise<void> {
    // A disabled one would lose the focus.
    if (button.ariaDisabled === 'true') return
    button.ariaDisabled = 'true'
    const failed = (error: Error): void => {
      button.ariaDisabled = null
      showFailure(byId('failure'), `Not cancelled: ${error.message}`)
    }
    showFailure(byId('failure'), undefined)
    await post(`/api/transfers/${id}/cancel`).catch(failed)
  }
}

const shown = new Map<number, LiveTransfer>()

export function showLive({ live, liveCount }: Activity): void {
  const ids = new Set(live.map(({ id }) => id))
  for (const [id, { item }] of shown) {
    if (ids.has(id)) continue
    if (item.contains(document.activeElement)) byId('live').focus()
    item.remove()
    shown.delete(id)
  }
  for (const transfer of live) {
    const known = shown.get(transfer.id)
    if (known) known.update(transfer)
    else {
      const made = new LiveTransfer(transfer)
      shown.set(transfer.id, made)
      byId('transfers').append(made.item)
    }
  }
  byId('live-empty').hidden = live.length > 0
  setText(byId('live-count'), liveCount > 0 ? count(liveCount) : '')
}

const COLUMNS = ['Ended', 'Outcome', 'Blob', 'By', 'What', 'Bytes', 'Rows', 'Took', 'Rate']

export function showFinished(finished: readonly TransferView[]): void {
  const rows = finished.map(each => [
    { content: timeOfDay(each.endedAt ?? each.since) },
    { content: outcomeOf(each), className: `outcome ${each.outcome}` },
    { content: `${each.account}/${each.container}/${each.path}`, className: 'path' },
    { content: `${each.user}@${each.database}` },
    { content: `${each.direction}, ${each.statement}, ${each.format}` },
    { content: bytes(each.bytes), isNumber: true },
    { content: each.rows === null ? '' : count(each.rows), isNumber: true },
    { content: duration(each.ms), isNumber: true },
    { content: `${bytes(each.bytesPerSecond)}/s`, isNumber: true },
  ])
  fillTable(byId<HTMLTableElement>('finished-table'), COLUMNS, rows)
  byId('finished-empty').hidden = finished.length > 0
}

const outcomeOf = ({ outcome, sqlstate }: TransferView): string =>
  sqlstate === null ? (outcome ?? '') : `${outcome} (${sqlstate})`
