/** The Dockerfile language: text in, objects out. */
export * from './dockerfile/ast.ts'
export { parseIgnore } from './dockerfile/ignore.ts'
export type { IgnoreResult, IgnoreRule, IgnoreRules } from './dockerfile/ignore.ts'
export { parseDockerfile } from './dockerfile/parser.ts'
export type { ParseOptions } from './dockerfile/parser.ts'
export { renderProblem } from './dockerfile/problem.ts'
export type { Problem, ProblemKind } from './dockerfile/problem.ts'
