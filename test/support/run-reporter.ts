import { relative } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node'
import { notShown, type RunTest } from './wire-checklist.ts'

/** How a skipped test says what it lacks: in its note, or in the name of its suite. */
const NEEDS = /(?:^|\()needs ([\w -]+)(?:$|\))/

/** What a run says at its end besides its results: what was skipped and why, what passed only when run again. */
export default class RunReporter implements Reporter {
  #vitest!: Vitest

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap(module => [...module.children.allTests()])
    for (const line of [...describeSkipped(tests), ...describeFlaky(tests)]) console.log(line)
    const unshown = this.#isFiltered() ? [] : notShown(tests.map(runTest))
    for (const line of unshown) console.log(`The checklist of the wire is not kept, ${line}`)
    if (unshown.length > 0) process.exitCode = 1
    const failed = tests.filter(test => test.result().state === 'failed').length
    // A file that broke before, between or after its tests is a failure too.
    const broken = modules.filter(module => module.state() === 'failed' && !hasFailedTest(module)).length
    const passed = tests.filter(test => test.result().state === 'passed').length
    console.log(`${passed} passed, ${failed + broken + unhandled.length + unshown.length} failed`)
  }

  /** Whether some tests of a file were left out by `-t`. */
  #isFiltered(): boolean {
    return this.#vitest.config.testNamePattern !== undefined
  }
}

function hasFailedTest(module: TestModule): boolean {
  return !module.children.allTests('failed').next().done
}

function lackOf(test: TestCase): string | undefined {
  const result = test.result()
  if (result.state !== 'skipped') return undefined
  return NEEDS.exec(result.note ?? test.fullName)?.[1]
}

function runTest(test: TestCase): RunTest {
  return {
    file: relative('test', test.module.relativeModuleId),
    fullName: test.fullName,
    state: test.result().state,
    excused: lackOf(test) !== undefined,
  }
}

function describeSkipped(tests: readonly TestCase[]): string[] {
  const counts = new Map<string, number>()
  for (const tool of tests.map(lackOf)) if (tool !== undefined) counts.set(tool, (counts.get(tool) ?? 0) + 1)
  if (counts.size === 0) return []
  const texts = [...counts].map(([tool, count]) => `${tool} would run ${count}`)
  return [`Skipped for lack of tools: ${texts.join(', ')}. As root on Debian, npm test installs what apt-get has.`]
}

function describeFlaky(tests: readonly TestCase[]): string[] {
  return tests
    .filter(test => test.diagnostic()?.flaky)
    .map(test => `FLAKY, passed only when run again: ${test.module.relativeModuleId} > ${test.fullName}`)
}
