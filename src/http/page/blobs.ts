import type { BlobsView, BlobView, ContainerView, PreviewView } from '../api.ts'
import { copyable } from './copyable.ts'
import { byId, element, fillTable, setText, showFailure } from './elements.ts'
import { get } from './requests.ts'
import { bytes, timeOfDay } from './words.ts'

const select = byId<HTMLSelectElement>('container')
const prefix = byId<HTMLInputElement>('prefix')
let containers: readonly ContainerView[] = []

/** The blobs of a stack to develop with. */
export async function showBlobs(): Promise<void> {
  byId('blobs').hidden = false
  byId('blobs-link').hidden = false
  byId('blobs-form').addEventListener('submit', event => {
    event.preventDefault()
    void list()
  })
  select.addEventListener('change', () => void list())
  await attempt(async () => {
    containers = await get('/api/containers')
    const options = containers.map(({ account, container }, i) =>
      element('option', { value: String(i) }, `${account}/${container}`),
    )
    select.replaceChildren(...options)
    await list()
  })
}

function list(): Promise<void> {
  byId('preview').hidden = true
  return attempt(async () => {
    const place = containers[Number(select.value)]
    if (place === undefined) return
    const { blobs, isMore } = await get<BlobsView>('/api/blobs', { ...place, prefix: prefix.value })
    const rows = blobs.map(blob => [
      { content: opener(place, blob), className: 'path' },
      { content: bytes(blob.bytes), isNumber: true },
      { content: `${new Date(blob.lastModified).toLocaleDateString('en-CA')} ${timeOfDay(blob.lastModified)}` },
    ])
    fillTable(byId<HTMLTableElement>('blobs-table'), ['Name', 'Bytes', 'Changed'], rows)
    const words = isMore ? `There are more than these ${blobs.length}: say how their names begin.` : 'There is none.'
    setText(byId('blobs-empty'), words)
    byId('blobs-empty').hidden = blobs.length > 0 && !isMore
  })
}

function opener(place: ContainerView, { path }: BlobView): HTMLElement {
  const button = element('button', { type: 'button', class: 'link' }, path)
  button.addEventListener('click', () => void attempt(() => preview(place, path)))
  return button
}

async function preview(place: ContainerView, path: string): Promise<void> {
  const article = byId('preview')
  article.replaceChildren(element('p', { class: 'empty' }, `Reading ${path} …`))
  article.hidden = false
  try {
    const view = await get<PreviewView>('/api/preview', { ...place, path })
    article.replaceChildren(element('h3', { class: 'path' }, path), ...contents(view))
  } catch (error) {
    article.replaceChildren(element('p', { class: 'failure' }, `${path}: ${(error as Error).message}`))
  }
  article.focus()
  article.scrollIntoView({ block: 'nearest' })
}

function* contents({ format, columns, rows, text, createTable, copy, query, isSample }: PreviewView): Generator<Node> {
  const sample = isSample ? ' Types are guessed by its beginning: blobgres infer --full reads all of it.' : ''
  yield element('p', {}, `${format}, ${columns.length} ${columns.length === 1 ? 'column' : 'columns'}.${sample}`)
  if (text !== undefined) yield element('pre', { tabindex: '0' }, text)
  else {
    const table = element('table')
    const names = columns.map(({ name, type }) => `${name} ${type}`)
    const cells = rows.map(row => row.map(content => ({ content })))
    fillTable(table, names, cells.length > 0 ? cells : [names.map(() => ({ content: '' }))])
    if (rows.length > 0) yield element('div', { class: 'scroll rows', tabindex: '0' }, table)
    else yield columnList(columns)
  }
  yield copyable('A table, and its rows', `${createTable}\n${copy}`)
  yield copyable('Without a table', query)
}

function columnList(columns: PreviewView['columns']): HTMLElement {
  const table = element('table')
  fillTable(
    table,
    ['Column', 'Type'],
    columns.map(({ name, type }) => [{ content: name }, { content: type }]),
  )
  return element('div', { class: 'scroll' }, table)
}

async function attempt(work: () => Promise<void>): Promise<void> {
  const failure = byId('blobs-failure')
  showFailure(failure, undefined)
  await work().catch(error => showFailure(failure, (error as Error).message))
}
