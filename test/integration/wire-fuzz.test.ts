import { describe, expect, it } from 'vitest'
import { fuzz } from '../fuzz/run.ts'
import { servers } from '../support/servers.ts'

/** `npm run fuzz` sets them. */
const { FUZZ_SEED = '1', FUZZ_RUNS = '600', FUZZ_SERVER } = process.env
const seed = Number(FUZZ_SEED)
const runs = Number(FUZZ_RUNS)
const chosen = servers.filter(({ version }) => FUZZ_SERVER === undefined || String(version) === FUZZ_SERVER)

describe.each(chosen)('Random conversations on PostgreSQL $version', server => {
  it(
    `are the same through the proxy as without it (${runs} from seed ${seed})`,
    async () => {
      const differences = await fuzz(server, {
        seed,
        runs,
        onProgress: (done, crashes) =>
          console.log(`PostgreSQL ${server.version}: ${done} scripts, ${crashes} crashes of the server itself`),
        onDifference: words => console.error(`PostgreSQL ${server.version}: ${words}`),
      })
      expect(differences).toBe(0)
    },
    300_000 + 100 * runs,
  )
})
