import { describe, inject, type TestContext, TestRunner } from 'vitest'
import type { ToolName } from './tool-list.ts'

declare module 'vitest' {
  interface ProvidedContext {
    missingTools: ToolName[]
  }
}

/** A test that is skipped for lack of a tool says so by these words, which the end of the run counts. */
const needs = (tool: ToolName): string => `needs ${tool}`

const isMissing = (tool: ToolName): boolean => inject('missingTools').includes(tool)

/** Skips the test that calls it where a tool is missing; a concurrent one has to say which it is. */
export function needTool(
  tool: ToolName,
  context: TestContext | undefined = TestRunner.getCurrentTest()?.context,
): void {
  if (!isMissing(tool)) return
  if (context === undefined) throw new Error(`${tool} is not installed: this suite wants describeWith()`)
  context.skip(needs(tool))
}

/** `describe.each`, but where one of the tools is missing the tests are skipped. */
export function describeWith(...tools: readonly ToolName[]) {
  const missing = tools.find(isMissing)
  return {
    each:
      <T>(cases: readonly T[]) =>
      (name: string, suite: (each: T) => void): void => {
        if (missing === undefined) describe.each(cases)(name, suite)
        else describe.skip.each(cases)(`${name} (${needs(missing)})`, suite)
      },
  }
}
