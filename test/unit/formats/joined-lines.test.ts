import { expect, it } from 'vitest'
import { JoinedLines } from '../../../src/formats/joined-lines.ts'

it('what is sent of a chunk is one piece, whatever its line ends', () => {
  const rules = { format: 'csv', quote: 0x22, escape: 0x22, header: false, strictEndMarker: true } as const
  const joiner = new JoinedLines({ ...rules, isLead: () => false })
  joiner.beginFile()
  expect(joiner.push(Buffer.from('a\nb')).map(String)).toEqual(['a\nb'])
  joiner.endFile()
  joiner.beginFile()
  expect(joiner.push(Buffer.from('c\r\nd\r\n')).map(String)).toEqual(['\nc\nd\n'])
})
