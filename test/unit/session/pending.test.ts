import { describe, expect, it } from 'vitest'
import { STATUS } from '../../../src/protocol/codes.ts'
import { Pending } from '../../../src/session/pending.ts'

/**
 * A script of type bytes: `>` before what the client sends, `<` before what the backend sends; then what is known.
 * Every script begins logged in.
 */
const SCRIPTS: readonly (readonly [name: string, script: string, state: string])[] = [
  ['nothing', '', 'quiet'],
  ['a query', '>Q', ''],
  ['a query, answered', '>Q <TDDCZ', 'quiet'],
  ['rows and notices answer nothing', '>Q <TDNSA', ''],
  ['two queries, one answered', '>QQ <CZ', ''],
  ['a stream of changes', '>Q <W >d <d', 'quiet'],
  ['a stream of changes that has ended', '>Q <W >dc <cCZ >Q', ''],
  ['the fast path', '>F <VZ', 'quiet'],
  ['Parse to Execute', '>PBE', 'flush pipeline'],
  ['Parse to Execute, answered', '>PBE <12C', 'quiet pipeline'],
  ['Describe', '>PD <1t', 'flush pipeline'],
  ['Describe, answered', '>PD <1tn', 'quiet pipeline'],
  ['Parse to Sync', '>PBES', ''],
  ['Parse to Sync, answered', '>PBES <12CZ', 'quiet'],
  ['a pipeline after a Sync', '>PBESPBE <12CZ12', 'flush pipeline'],
  ['a pipeline after a Sync, answered', '>PBESPBE <12CZ12C', 'quiet pipeline'],
  ['rows up to a limit', '>PBE <12Ds', 'quiet pipeline'],
  ['an error skips up to Sync', '>PBE <E', 'quiet skipping pipeline'],
  ['what is skipped is owed nothing', '>PBE <E >PBEQF', 'quiet skipping pipeline'],
  ['Sync ends the skipping', '>PBE <E >PBEQS', ''],
  ['Sync ends the skipping, answered', '>PBE <E >QS <Z', 'quiet'],
  ['a query that was sent before the error came is skipped', '>PBEQ <E', 'quiet skipping pipeline'],
  ['a query that was sent before the error came is skipped, a Sync not', '>PBEQS <E', ''],
  ['a query that was sent before the error came is skipped, a Sync answered', '>PBEQSQ <EZCZ', 'quiet'],
  ['an error of a query after a pipeline', '>PQ <1EZ', 'quiet'],
  ['an error of a query skips nothing', '>Q <E', ''],
  ['an error before a Sync that was sent', '>PBESP <E', 'flush pipeline'],
  ['an error before a Sync that was sent, answered', '>PBESP <EZ1', 'quiet pipeline'],
  ['COPY IN', '>Q <G', 'copy'],
  ['COPY IN takes no other message', '>Q <G >dSHd', 'copy'],
  ['COPY IN, done', '>Q <G >dc', ''],
  ['COPY IN, answered', '>Q <G >dc <CZ', 'quiet'],
  ['COPY IN, failed', '>Q <GEZ', 'quiet'],
  ['COPY IN, sent ahead', '>Qdc <G', ''],
  ['COPY IN, sent ahead, answered', '>Qdc <GCZ', 'quiet'],
  ['COPY IN, sent ahead with a query', '>QdcQ <GCZ', ''],
  ['COPY IN, sent ahead after a query', '>QQdcQ <CZGCZ', ''],
  ['COPY IN, sent ahead after a query, answered', '>QQdcQ <CZGCZCZ', 'quiet'],
  ['two COPY IN in a query, sent ahead', '>QdcdcQ <GCGCZ', ''],
  ['two COPY IN in a query, sent ahead, answered', '>QdcdcQ <GCGCZCZ', 'quiet'],
  ['two COPY IN in a query, one sent ahead', '>Qdc <GCG', 'copy'],
  ['COPY IN that fails before it begins, sent ahead', '>QdcQ <EZ', ''],
  ['COPY IN that fails before it begins leaves nothing behind', '>Qdc <EZ >Q <G', 'copy'],
  ['extended COPY IN', '>PBE <12G', 'copy pipeline'],
  ['extended COPY IN, done', '>PBE <12G >dc', 'flush pipeline'],
  ['extended COPY IN, answered', '>PBE <12G >dc <C', 'quiet pipeline'],
  ['extended COPY IN ignores a Sync', '>PBES <12G', 'copy pipeline'],
  ['extended COPY IN ignores a Sync, done', '>PBES <12G >dcS', ''],
  ['extended COPY IN ignores a Sync, answered', '>PBES <12G >dcS <CZ', 'quiet'],
  ['extended COPY IN with two Syncs, sent ahead', '>PBESdcS <12GC', ''],
  ['extended COPY IN with two Syncs, sent ahead, answered', '>PBESdcS <12GCZ', 'quiet'],
  ['extended COPY IN with two Syncs that fails before it begins', '>PBESdcS <12EZ', ''],
  ['extended COPY IN with two Syncs that fails before it begins, answered', '>PBESdcS <12EZZ', 'quiet'],
  ['extended COPY IN after another pipeline, sent ahead', '>PBESPBEdcS <12CZ12GCZ', 'quiet'],
  ['extended COPY IN that fails within skips up to Sync', '>PBES <12G >d <E >dcQ', 'quiet skipping pipeline'],
  ['a Sync before the rows of a COPY IN that fails', '>PBE <12G >Sd <E >cS', ''],
  ['a Sync before the rows of a COPY IN that fails, answered', '>PBE <12G >Sd <E >cSQ <ZCZ', 'quiet'],
  ['a Sync behind the rows of a COPY IN that fails', '>PBE <12G >dS <E >cS', 'unsure'],
  ['a Sync behind the rows of a COPY IN that fails, answered', '>PBE <12G >dS <E >cSQ <ZZCZ', 'quiet'],
  ['a Sync behind the rows of a COPY IN that fails, and a query', '>PBE <12G >dS <E >cSQ <ZZ', 'unsure'],
  ['a Sync behind the rows of a COPY IN that fails, sent ahead', '>PBEdScS <12GEZZ >Q <CZ', 'quiet'],
  ['a Sync behind the rows of a simple COPY IN that fails', '>Q <G >dSc <EZ >Q <Z', 'unsure'],
  ['a Sync behind the rows of a simple COPY IN that fails, answered', '>Q <G >dSc <EZ >Q <ZCZ', 'quiet'],
  ['a Sync between the rows of a COPY IN', '>Q <G >dSdc <CZ', 'quiet'],
  ['a query that such a Sync lets run', '>PBE <12G >dSS <E >Q <ZZCZ', 'unsure'],
  ['statements after such a Sync', '>PBEdScPBESQ <12GEZCZCZ', 'unsure'],
  ['a COPY IN that goes on with another message has failed', '>PBE <12G >dPSQ <EZ', ''],
  ['a COPY IN that goes on with another message has failed, answered', '>PBE <12G >dPSQ <EZCZ', 'quiet'],
  ['a COPY IN that goes on with a query has failed', '>Q <G >dQ <EZ', ''],
  ['a COPY IN that goes on with a query has failed, answered', '>Q <G >dQ <EZCZ', 'quiet'],
  ['a Sync behind what a COPY IN cannot take', '>QdQSc <GEZCZ', ''],
  ['a Sync behind what a COPY IN cannot take, answered', '>QdQSc <GEZCZZ', 'quiet'],
  ['CopyDone out of place', '>PBEc <12C', 'quiet pipeline'],
  ['CopyDone out of place, alone', '>cf', 'quiet'],
]

function play(script: string): Pending {
  const pending = new Pending()
  pending.receivedReady(STATUS.idle)
  let client = true
  for (const char of script) {
    const code = char.charCodeAt(0)
    if (char === '>' || char === '<') client = char === '>'
    else if (char === ' ') continue
    else if (client) pending.sent(code)
    else if (char === 'Z') pending.receivedReady(STATUS.idle)
    else pending.received(code)
  }
  return pending
}

function state(pending: Pending): string {
  const words = []
  if (pending.unsure) return 'unsure'
  if (pending.quiet) words.push('quiet')
  if (pending.skipping) words.push('skipping')
  if (pending.copyIn) words.push('copy')
  else if (pending.needsFlush) words.push('flush')
  if (pending.inPipeline) words.push('pipeline')
  return words.join(' ')
}

describe('Pending', () => {
  it.each(SCRIPTS)('%s', (_, script, expected) => {
    expect(state(play(script))).toBe(expected)
  })

  it('owes the login, and what was sent before it was over', () => {
    const pending = new Pending()
    expect(pending.quiet).toBe(false)
    pending.sent('Q'.charCodeAt(0))
    pending.receivedReady(STATUS.idle)
    expect(pending.quiet).toBe(false)
    pending.receivedReady(STATUS.inTransaction)
    expect([pending.quiet, pending.status]).toEqual([true, STATUS.inTransaction])
  })

  it.each([
    ['a long pipeline', 'PBES'.repeat(300_000), '12CZ'.repeat(300_000)],
    ['CopyDone without end', `PBE${'c'.repeat(1_000_000)}S`, '12CZ'],
  ])('%s costs each message no more than a short one', (_, sent, received) => {
    const start = performance.now()
    expect(state(play(`>${sent} <${received}`))).toBe('quiet')
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})
