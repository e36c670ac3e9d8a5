import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'

export interface PageFile {
  readonly type: string
  readonly content: string
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const TOKEN = '{{token}}'

/** What the page is made of, by path. It is little, and read once. */
export async function readPageFiles(folder: URL, token: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>()
  for (const name of await readdir(folder)) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const content = await readFile(new URL(name, folder), 'utf8')
    files.set(name === 'index.html' ? '/' : `/${name}`, { type, content: content.replace(TOKEN, token) })
  }
  return files
}
