import type { Route } from './route.ts'

/**
 * The routes of each resource, by the first part of their path. A resource is loaded with its first request: the server
 * is there at once, and what nobody asks for takes no memory. To add one: a file that exports `routes`, and its line here.
 */
const resources: Readonly<Record<string, () => Promise<readonly Route[]>>> = {
  _ping: async () => (await import('./system/ping.ts')).routes,
  containers: async () => {
    const files = await Promise.all([
      import('./containers/read.ts'),
      import('./containers/create.ts'),
      import('./containers/lifecycle.ts'),
      import('./containers/wait.ts'),
      import('./containers/logs.ts'),
      import('./containers/attach.ts'),
    ])
    return files.flatMap(({ routes }): readonly Route[] => routes)
  },
  info: async () => (await import('./system/info.ts')).routes,
  version: async () => (await import('./system/version.ts')).routes,
}

/** The routes that a path may belong to, most often none. */
export async function loadRoutes(path: string): Promise<readonly Route[]> {
  const [, resource = ''] = path.split('/')
  return Object.hasOwn(resources, resource) ? await (resources[resource]?.() ?? []) : []
}
