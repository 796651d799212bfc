/** Two values that should be one. */
export interface JsonDifference {
  /** `config.Env[2]` */
  readonly path: string
  /** As JSON; undefined where there is none. */
  readonly first: string | undefined
  readonly second: string | undefined
}

/** The first difference of two documents, in the order of the first one's keys. */
export function jsonDifference(
  first: unknown,
  second: unknown,
  path: string = '',
): JsonDifference | undefined {
  if (!isContainer(first) || !isContainer(second) || Array.isArray(first) !== Array.isArray(second)) {
    const [one, other] = [JSON.stringify(first), JSON.stringify(second)]
    return one === other ? undefined : { path, first: one, second: other }
  }
  const isList = Array.isArray(first)
  for (const key of new Set([...Object.keys(first), ...Object.keys(second)])) {
    const below = isList ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    const difference = jsonDifference(first[key], second[key], below)
    if (difference !== undefined) return difference
  }
  return undefined
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
