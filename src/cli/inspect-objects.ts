import type { CommandContext } from './command.ts'
import { goJson } from './format/go-value.ts'
import { compileTemplate } from './format/render-template.ts'
import { errorLine } from './report-error.ts'

/**
 * Prints what `get` finds for each name: one JSON array, or a line by template for each. What is missing is named on
 * standard error and makes the exit code 1; the rest is printed all the same.
 */
export async function inspectObjects(
  names: readonly string[],
  format: string | undefined,
  { io }: CommandContext,
  get: (name: string) => Promise<unknown>,
): Promise<number> {
  const render = format === undefined || format === 'json' ? undefined : compileTemplate(format)
  const found: unknown[] = []
  const errors: string[] = []
  for (const name of names) {
    try {
      found.push(await get(name))
    } catch (error) {
      errors.push(`${errorLine(error)}\n`)
    }
  }
  if (render) {
    for (const value of found) io.stdout.write(`${render(value)}\n`)
    if (found.length === 0) io.stdout.write('\n')
  } else if (format === 'json') io.stdout.write(`${goJson(found)}\n`)
  else io.stdout.write(`${JSON.stringify(found, null, 4)}\n`)
  io.stderr.write(errors.join(''))
  return errors.length === 0 ? 0 : 1
}
