import type { Builder, BuildRequest } from '../../builder/build.ts'
import { suggest } from '../../util/suggest.ts'
import type { CommandContext } from '../command.ts'
import { checkJson, checkText } from '../format/check-report.ts'
import { methods, methodsJson, methodsText } from '../format/call-methods.ts'
import { outlineJson, outlineText, targetsJson, targetsText } from '../format/outline-report.ts'
import { goIndentedJson } from '../format/go-value.ts'

const callNames = ['build', 'check', 'outline', 'targets', 'subrequests.describe'] as const

/** What `build --call` is asked for (B60, B63 to B65). */
export interface BuildCall {
  readonly method: (typeof callNames)[number]
  readonly json: boolean
}

/** `check`, `outline,format=json`, …; as in buildx, `lint` is another name of `check`. */
export function parseCall(text: string): BuildCall {
  const [name = '', ...options] = text.split(',')
  let json = false
  for (const option of options) {
    const [key, value] = option.split('=', 2)
    if (key !== 'format') throw new Error(`invalid print field: ${option}`)
    if (value !== 'json' && value !== 'text')
      throw new Error(`invalid format "${value ?? ''}": there are json, text`)
    json = value === 'json'
  }
  const wanted = { '': 'build', lint: 'check' }[name] ?? name
  const method = callNames.find((known) => known === wanted)
  if (method !== undefined) return { method, json }
  const near = suggest(name, callNames)
  const hint = near === undefined ? `there are ${callNames.join(', ')}` : `did you mean ${near}?`
  throw new Error(`unsupported request frontend.${name}: ${hint}`)
}

/** Prints the answer and resolves with the exit code: 1 for a check that found something. */
export async function answerCall(
  { method, json }: BuildCall,
  builder: Builder,
  request: BuildRequest,
  { io, signal }: CommandContext,
): Promise<number> {
  const print = (text: string): void => void io.stdout.write(text)
  const printJson = (value: unknown): void => print(goIndentedJson(value))
  switch (method) {
    case 'subrequests.describe':
      if (json) printJson(methodsJson)
      else print(methodsText(methods))
      return 0
    case 'targets': {
      const report = await builder.targets(request, { signal })
      if (json) printJson(targetsJson(report))
      else print(targetsText(report))
      return 0
    }
    case 'outline': {
      const report = await builder.outline(request, { signal })
      if (json) printJson(outlineJson(report))
      else print(outlineText(report))
      return 0
    }
    default: {
      const report = await builder.check(request, { signal })
      if (json) printJson(checkJson(report))
      else print(checkText(report, request))
      const isFailed = report.failure !== undefined || report.warnings.some(({ hint }) => hint === undefined)
      return isFailed ? 1 : 0
    }
  }
}
