import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** The blocks of a kind in a page of the documentation, `docBlocks('docs/docker.md', 'yaml')`, as they are to be typed. */
export function docBlocks(page: string, kind: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${kind}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))
  return Array.from(blocks, ([, indent = '', block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''))
}

/** The nth of them. */
export function docBlock(page: string, kind: string, n = 0): string {
  const block = docBlocks(page, kind)[n]
  if (block === undefined) throw new Error(`${page} has no block ${n} of ${kind}`)
  return block
}
