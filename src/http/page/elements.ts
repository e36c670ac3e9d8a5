/*
 * What the page is made of. Text becomes text and nothing else: there is no other way here to put something in, and the
 * page's Content-Security-Policy forbids it besides.
 */

export type Child = Node | string

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value)
  made.append(...children)
  return made
}

/** One that index.html has. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found as T
}

/** Only where it is another: what somebody has selected stays so. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text
}

export interface Cell {
  readonly content: Child
  readonly isNumber?: boolean
  readonly className?: string
}

/** A table's contents anew. On a phone each cell says of which column it is. */
export function fillTable(
  table: HTMLTableElement,
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): void {
  const head = element('thead', {}, element('tr', {}, ...columns.map(name => element('th', { scope: 'col' }, name))))
  const body = element(
    'tbody',
    {},
    ...rows.map(cells => element('tr', {}, ...cells.map((cell, i) => tableCell(cell, columns[i] ?? '')))),
  )
  table.replaceChildren(...(rows.length > 0 ? [head, body] : []))
}

function tableCell({ content, isNumber = false, className = '' }: Cell, label: string): HTMLElement {
  const classes = `${className}${isNumber ? ' number' : ''}`.trim()
  return element('td', { 'data-label': label, ...(classes && { class: classes }) }, content)
}

/** Says what has gone wrong, or that nothing has. */
export function showFailure(node: HTMLElement, text: string | undefined): void {
  node.hidden = text === undefined
  setText(node, text ?? '')
}
