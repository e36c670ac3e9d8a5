import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Somebody else's session at the proxy. */
export interface Bystander {
  /** How long each of its queries took since the last call, in milliseconds; it waits for one that is under way. */
  times(): Promise<readonly number[]>
  close(): void
}

export async function startBystander(url: string): Promise<Bystander> {
  const child = fork(fileURLToPath(new URL('bystander-process.ts', import.meta.url)), [url], {
    execArgv: ['--import', 'tsx'],
  })
  let told: (times: number[] | Error) => void = () => {}
  child.on('message', times => told(times as number[]))
  child.on('exit', () => told(new Error('the bystander has lost its session')))
  const next = (): Promise<number[]> =>
    new Promise((resolve, reject) => {
      told = times => (times instanceof Error ? reject(times) : resolve(times))
    })
  await next()
  return {
    async times() {
      const times: number[] = []
      while (times.length === 0) {
        child.send('times')
        times.push(...(await next()))
        if (times.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
      }
      return times
    },
    close: () => child.disconnect(),
  }
}
