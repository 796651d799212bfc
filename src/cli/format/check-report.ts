import { posix } from 'node:path'
import type { BuildRequest } from '../../builder/build.ts'
import type { CheckReport } from '../../builder/calls.ts'
import type { Warning } from '../../dockerfile/ast.ts'
import { problemsOf } from '../../dockerfile/problem.ts'
import { warningExcerpt } from '../../dockerfile/warning-excerpt.ts'
import type { MilleError } from '../../util/errors.ts'
import { location } from './outline-report.ts'
import { problemJson } from './problem-json.ts'

/** What `buildx build --check` prints: the count, then each warning with its lines; then what else is to say. */
export function checkText(
  report: CheckReport,
  request: Pick<BuildRequest, 'context' | 'dockerfile'>,
): string {
  const { warnings, violations, failure, source } = report
  const file = shownFile(report.fileName, request)
  const found = warnings.filter(({ hint }) => hint === undefined)
  const hints = warnings.filter(({ hint }) => hint !== undefined)
  const isRead = failure === undefined || found.length > 0
  return [
    ...(isRead ? [`Check complete, ${countText(found.length)}\n`] : []),
    ...found.map((warning) => `\nWARNING: ${warningText(warning, file, source)}`),
    ...hints.map((warning) => `\nHINT: ${warningText(warning, file, source)}`),
    ...(failure === undefined ? [] : [`${isRead ? '\n' : ''}${failureText(failure)}`]),
    ...(violations.length === 0 ? [] : [`\nERROR: ${violationText(violations)}\n`]),
  ].join('')
}

function violationText(rules: readonly string[]): string {
  return `lint violation found for rules: ${rules.join(', ')}`
}

function countText(count: number): string {
  if (count === 0) return 'no warnings found.'
  return count === 1 ? '1 warning has been found!' : `${count} warnings have been found!`
}

function warningText(warning: Warning, file: string, source: string): string {
  const { rule, url, message, line, note } = warning
  const page = url === undefined ? '' : ` - ${url}`
  const more = note === undefined ? '' : `note: ${note}\n`
  return `${rule}${page}\n${message}\n${file}:${line}\n${warningExcerpt(warning, source)}${more}`
}

function failureText({ message }: MilleError): string {
  return message.includes('\n') ? `${message.trimEnd()}\n` : `ERROR: ${message}\n`
}

/** In a context folder the Dockerfile has its folder's name before it, as far as the user gave one. */
function shownFile(
  fileName: string,
  { context, dockerfile }: Pick<BuildRequest, 'context' | 'dockerfile'>,
): string {
  if (dockerfile?.kind === 'text') return 'stdin'
  return dockerfile === undefined && context.kind === 'folder' ? posix.join(context.path, fileName) : fileName
}

/** The object of `--call=check,format=json`; beside BuildKit's fields, the hints and every problem as data. */
export function checkJson(report: CheckReport): unknown {
  const { warnings, violations, failure, fileName, source } = report
  const found = warnings.filter(({ hint }) => hint === undefined).map(warningJson)
  const hints = warnings.filter(({ hint }) => hint !== undefined).map(warningJson)
  const data = Buffer.from(source).toString('base64')
  return {
    warnings: found.length === 0 ? null : found,
    ...(hints.length === 0 ? {} : { hints }),
    sources: [{ filename: fileName, data, language: 'Dockerfile' }],
    ...(failure === undefined ? {} : { buildError: failureJson(failure) }),
    ...(failure !== undefined || violations.length === 0
      ? {}
      : { buildError: { message: violationText(violations) } }),
  }
}

function warningJson({
  rule,
  description,
  url,
  message,
  note,
  line,
  within,
  range,
  suggestion,
}: Warning): unknown {
  const isWhole = line === within.start.line
  return {
    ruleName: rule,
    description,
    ...(url === undefined ? {} : { url }),
    detail: message,
    ...(note === undefined ? {} : { note }),
    location: isWhole ? location(line, within.end.line) : location(line, line),
    range,
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}

function failureJson(failure: MilleError): unknown {
  const problems = problemsOf(failure)
  const [first] = problems
  if (first === undefined) return { message: failure.message }
  return {
    message: first.message,
    location: location(first.startLine, first.endLine),
    problems: problems.map(problemJson),
  }
}
