import type { Route } from './route.ts'

/**
 * The routes of each resource, by the first part of their path. A resource is loaded with its first request: the server
 * is there at once, and what nobody asks for takes no memory. To add one: a file that exports `routes`, and its line here.
 */
type Load = () => Promise<readonly Route[]>

const loadAbsent: Load = async () => (await import('./system/absent.ts')).routes

const resources: Readonly<Record<string, Load>> = {
  _ping: async () => (await import('./system/ping.ts')).routes,
  auth: async () => (await import('./system/auth.ts')).routes,
  build: async () => (await import('./build/build.ts')).routes,
  commit: async () => (await import('./images/write.ts')).routes,
  configs: loadAbsent,
  containers: async () => {
    const files = await Promise.all([
      import('./containers/read.ts'),
      import('./containers/create.ts'),
      import('./containers/lifecycle.ts'),
      import('./containers/manage.ts'),
      import('./containers/wait.ts'),
      import('./containers/logs.ts'),
      import('./containers/stats.ts'),
      import('./containers/attach.ts'),
      import('./containers/files.ts'),
      import('./exec/exec.ts'),
    ])
    return files.flatMap(({ routes }): readonly Route[] => routes)
  },
  distribution: async () => (await import('./images/distribution.ts')).routes,
  events: async () => (await import('./system/events.ts')).routes,
  exec: async () => (await import('./exec/exec.ts')).routes,
  grpc: loadAbsent,
  images: async () => {
    const files = await Promise.all([
      import('./images/read.ts'),
      import('./images/write.ts'),
      import('./images/transfer.ts'),
      import('./images/search.ts'),
    ])
    return files.flatMap(({ routes }): readonly Route[] => routes)
  },
  info: async () => (await import('./system/info.ts')).routes,
  networks: async () => (await import('./networks/networks.ts')).routes,
  nodes: loadAbsent,
  plugins: loadAbsent,
  secrets: loadAbsent,
  services: loadAbsent,
  session: loadAbsent,
  swarm: loadAbsent,
  system: async () => (await import('./system/disk-usage.ts')).routes,
  tasks: loadAbsent,
  version: async () => (await import('./system/version.ts')).routes,
  volumes: async () => (await import('./volumes/volumes.ts')).routes,
}

/** The routes that a path may belong to, most often none. */
export async function loadRoutes(path: string): Promise<readonly Route[]> {
  const [, resource = ''] = path.split('/')
  return Object.hasOwn(resources, resource) ? await (resources[resource]?.() ?? []) : []
}
