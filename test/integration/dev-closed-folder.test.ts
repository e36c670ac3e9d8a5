import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { launchAs, postgresOsUser } from '../../src/dev/os-user.ts'

it.runIf(process.getuid?.() === 0)(
  'root can run PostgreSQL as its OS user from a folder closed to others',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'blobgres-closed-'))
    const program = join(dir, 'program')
    // access(2) is what PostgreSQL's programs look for each other with.
    await writeFile(program, '#!/bin/sh\ntest -x "$0" && id -u\n')
    await chmod(program, 0o755)
    await chmod(dir, 0o700)
    const osUser = await postgresOsUser()
    const { command, args, options } = await launchAs(osUser, program, [], [])
    const { stdout } = await promisify(execFile)(command, args, { ...options, cwd: '/' })
    expect(Number(stdout)).toBe(osUser.uid)
    await rm(dir, { recursive: true })
  },
)
