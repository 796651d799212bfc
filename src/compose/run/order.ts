import type { Project } from '../model/project.ts'

/**
 * Does something for each service once it has been done for all that it depends on (`reverse`: for all that depend on it); as
 * much as possible at once. The first failure is thrown when nothing runs any more, and no further service is begun.
 */
export async function inOrder(
  project: Pick<Project, 'services'>,
  work: (service: string) => Promise<void>,
  { reverse = false }: { readonly reverse?: boolean } = {},
): Promise<void> {
  const names = Object.keys(project.services)
  const needs = new Map(
    names.map((name) => [
      name,
      Object.keys(project.services[name]?.depends_on ?? {}).filter((other) => names.includes(other)),
    ]),
  )
  const before = (name: string): readonly string[] =>
    reverse ? names.filter((other) => needs.get(other)?.includes(name)) : (needs.get(name) ?? [])
  const running = new Map<string, Promise<void>>()
  let isFailed = false
  const run = (name: string): Promise<void> => {
    const present = running.get(name)
    if (present !== undefined) return present
    const promise = (async () => {
      await Promise.all(before(name).map(run))
      if (isFailed) return
      try {
        await work(name)
      } catch (error) {
        isFailed = true
        throw error
      }
    })()
    running.set(name, promise)
    return promise
  }
  const results = await Promise.allSettled(names.map(run))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
