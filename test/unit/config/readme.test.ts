import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { defaultOf, type OptionRow, optionsOf, otherwiseOf, variableOf } from '../../../src/config/options.ts'

const README = join(import.meta.dirname, '../../../README.md')
const HEAD = '| flag | environment | default | meaning |\n| --- | --- | --- | --- |\n'

function tableRow(row: OptionRow<unknown>): string {
  const value = defaultOf(row, 'serve')
  const cells = [
    row.secret ? '' : `\`--${row.name}\``,
    `\`${variableOf(row)}\``,
    value === undefined ? (otherwiseOf(row, 'serve') ?? '') : `\`${value}\``,
    row.description,
  ]
  return `|${cells.map(cell => (cell ? ` ${cell.replaceAll('|', '\\|')} |` : ' |')).join('')}`
}

/** After a change of the options, `npm test -- test/unit/config/readme.test.ts -u` writes the table. */
it("the README's table has every option of serve, as the help tells it", async () => {
  const [before, after] = readFileSync(README, 'utf8').split(HEAD)
  const rest = after?.slice(after.indexOf('\n\n'))
  const rows = optionsOf('serve').map(([, row]) => tableRow(row))
  await expect(`${before}${HEAD}${rows.join('\n')}${rest}`).toMatchFileSnapshot(README)
})
