import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CELLS, type Cell, FaultStack, nameOf, type Phase } from '../support/fault-table.ts'
import { Random } from '../support/random.ts'
import { servers } from '../support/servers.ts'

/** FAULT_ROUNDS=1000 strikes as many random cells on each server instead of each cell once. */
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 0)

const DONE: Readonly<Partial<Record<Phase, string>>> = {
  query: 'C SELECT 1',
  'copy out': 'C COPY 250',
  import: 'C COPY 3000',
  export: 'C COPY 3000',
  blob_get: 'C INSERT 0 3000',
  blob_put: 'C SELECT 1',
  blob_list: 'C SELECT 2',
}

/** What the client is told: what it would be without the proxy, or the one right error. */
function toldOf({ leg, phase, fault }: Cell): string[] {
  const done = DONE[phase] === undefined ? [] : [DONE[phase]]
  if (leg === 'backend' && fault === 'kill') return ['E FATAL 57P01', 'EOF']
  if (phase.startsWith('cancel')) return ['E ERROR 57014']
  switch (leg) {
    case 'client':
      if (fault !== 'garbage') return []
      return [...(phase === 'copy in' ? ['E ERROR 08P01'] : done), 'E FATAL 08P01', 'EOF']
    case 'backend':
      // Its replies are garbage then, to PostgreSQL's own clients as well.
      return fault === 'garbage' ? [] : ['EOF']
    case 'storage':
      return fault === 'garbage' ? ['E ERROR 08001'] : done
    case 'loopback':
      return ['E ERROR 08006']
  }
}

describe.each(servers)('One fault on PostgreSQL $version', server => {
  let faults: FaultStack
  beforeAll(async () => {
    faults = await FaultStack.start(server)
  })
  afterAll(() => faults.close())

  // Once in every way is enough: the fault is the same on both versions.
  const cells = CELLS.filter(({ fault }) => server.version === 18 || fault === 'reset' || fault === 'kill')
  it.runIf(ROUNDS === 0).each(cells.map(cell => [nameOf(cell), cell] as const))('%s', async (_, cell) => {
    expect(await faults.strike(cell)).toEqual(toldOf(cell))
  })

  it('nothing leaks', () => faults.nothingLeaks())

  it.runIf(ROUNDS > 0)(`${ROUNDS} rounds`, { timeout: ROUNDS * 5000 }, async () => {
    const random = new Random(Date.now() | 1)
    for (let round = 0; round < ROUNDS; round++) {
      const cell = random.pick(CELLS)
      const name = `seed ${random.seed}, round ${round}: ${nameOf(cell)}`
      expect(await faults.strike(cell, random.chance(0.5)), name).toEqual(toldOf(cell))
    }
    await faults.nothingLeaks()
  })
})
