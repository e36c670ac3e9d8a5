import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** All processes of this machine that have not ended, as /proc tells: a small system has no `ps`. */
export function listProcesses(): ProcessFacts[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        // The second field is the name, in brackets; it may hold anything.
        const [state, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').split(')').at(-1)?.trim().split(' ') ?? []
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        // One that ended stays until its parent asks for it, which in a container may be never.
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), command }]
      } catch {
        return [] // it has ended
      }
    })
}

export function childrenOf(pid: number): ProcessFacts[] {
  return listProcesses().filter(({ parent }) => parent === pid)
}
