import { resolve } from 'node:path'
import { z } from 'zod'
import { isRepositoryName } from '../../oci/reference.ts'
import { parseListen } from './parse-listen.ts'
import type { RegistrySettings } from './registry-settings.ts'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const flag = z.boolean({ error: 'needs true or false' })

const count = z
  .int({ error: 'needs a whole number' })
  .min(1, { error: 'needs a number from 1 on' })
  .max(1_000_000, { error: 'needs a number up to 1000000' })

/** In ms. */
const duration = z.string({ error: 'needs a time, e.g. 30s, 10m, 24h or 7d' }).transform((text, context) => {
  const [, number, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  if (number !== undefined) return Number(number) * (units[unit] ?? 1)
  context.addIssue(`"${text}" is no time: use e.g. 30s, 10m, 24h or 7d`)
  return z.NEVER
})

function names(pattern: RegExp, what: string) {
  const name = z.string({ error: `needs ${what}` }).regex(pattern, { error: `needs ${what}` })
  return z.array(name, { error: `needs a list: each is ${what}` }).min(1, { error: `needs at least ${what}` })
}

const listen = z
  .union([z.string(), z.int()], { error: 'needs HOST:PORT, e.g. 127.0.0.1:5000' })
  .transform((text, context) => {
    const address = parseListen(String(text))
    if (address !== undefined) return address
    context.addIssue(`"${text}" is no address: use HOST:PORT, e.g. 127.0.0.1:5000`)
    return z.NEVER
  })

const publicUrl = z.string({ error: 'needs a URL' }).regex(/^https?:\/\/[\w.:[\]-]+$/, {
  error: 'needs https://HOST or http://HOST, with a port and without a path',
})

const rule = z.strictObject({
  repositories: names(/^[a-z0-9._*/-]+$/, 'a pattern of repositories, e.g. team/**'),
  users: names(/^[^:\s]+$/, 'a user, "*" (logged in) or "anonymous" (everybody)'),
  allow: z
    .array(
      z.enum(['read', 'create', 'update', 'delete'], { error: 'needs read, create, update or delete' }),
      {
        error: 'needs a list of read, create, update and delete',
      },
    )
    .min(1, { error: 'needs at least one right' }),
})

const tagPatterns = names(/^[\w.*-]+$/, 'a pattern of tags, e.g. v*')

const retention = z.strictObject({
  repositories: names(/^[a-z0-9._*/-]+$/, 'a pattern of repositories, e.g. team/**'),
  tags: tagPatterns.optional(),
  keepTags: tagPatterns.optional(),
  keepLast: count.optional(),
  keepPushedWithin: duration.optional(),
  keepPulledWithin: duration.optional(),
  untagged: duration.optional(),
})

const gc = z
  .strictObject({
    interval: z.union([z.literal('off'), duration], { error: 'needs a time, e.g. 24h, or "off"' }),
    grace: duration,
  })
  .partial()

const limits = z
  .strictObject({
    uploads: count,
    uploadLifetime: duration,
    connectionsPerAddress: count,
    idleTimeout: duration,
    headerTimeout: duration,
  })
  .partial()

const words = z.string({ error: 'needs text' }).min(1, { error: 'needs text' })

const bucket = z.strictObject({
  name: words,
  region: words,
  endpoint: z.url({ protocol: /^https?$/, error: 'needs http://HOST:PORT or https://HOST' }).optional(),
  pathStyle: flag.optional(),
  prefix: z.string({ error: 'needs text' }).optional(),
})

const upstreamPrefix = z
  .string({ error: 'needs text' })
  .refine(isRepositoryName, { error: 'needs the beginning of a repository name, e.g. docker.io' })

const actions = ['push', 'pull', 'delete', 'mount'] as const

const webhook = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'needs http://… or https://…' }),
  headers: z.record(z.string(), z.string(), { error: 'needs names and values' }).optional(),
  actions: z
    .array(z.enum(actions, { error: `needs ${actions.join(', ')}` }), { error: 'needs a list' })
    .optional(),
})

function settings(folder: string) {
  const path = z
    .string({ error: 'needs a path' })
    .min(1, { error: 'needs a path' })
    .transform((text) => resolve(folder, text))
  const tls = z.union([z.literal('self-signed'), z.strictObject({ certificate: path, key: path })], {
    error: 'needs certificate and key (PEM files), or self-signed',
  })
  const auth = z.strictObject({
    htpasswd: path,
    anonymousPull: flag.optional(),
    tokens: flag.optional(),
    signingKey: path.optional(),
    tokenLifetime: duration.optional(),
    refreshLifetime: duration.optional(),
  })
  const upstream = z
    .strictObject({
      registry: words,
      prefix: upstreamPrefix.optional(),
      fresh: duration.optional(),
      username: words.optional(),
      passwordFile: path.optional(),
    })
    .refine((given) => (given.username === undefined) === (given.passwordFile === undefined), {
      error: 'username and passwordFile belong together',
    })
  const upstreams = z.array(upstream, { error: 'needs a list' })
  return z
    .strictObject({
      listen,
      storage: path,
      bucket,
      upstreams,
      delete: flag,
      publicUrl,
      tls,
      auth,
      access: z.array(rule),
      operations: listen,
      webhooks: z.array(webhook, { error: 'needs a list' }),
      limits,
      gc,
      retention: z.array(retention),
    })
    .partial()
    .refine((given) => given.storage === undefined || given.bucket === undefined, {
      path: ['bucket'],
      error: 'there is a folder already: leave out storage or bucket',
    })
    .superRefine(({ auth, access = [] }, context) => {
      const at = access.findIndex(({ users }) => users.some((user) => user !== 'anonymous'))
      if (auth !== undefined || at < 0) return
      const message = 'names users, but there is no auth.htpasswd: only "anonymous" has a meaning'
      context.addIssue({ code: 'custom', path: ['access', at, 'users'], message })
    })
}

/** Paths are resolved in `folder`. */
export function settingsSchema(folder: string): z.ZodType<RegistrySettings> {
  // an absent key and one that is undefined are the same to zod, and it never makes one
  return settings(folder) as z.ZodType as z.ZodType<RegistrySettings>
}

/** The keys there are at `path`. */
export function knownKeys(path: readonly (string | number)[]): readonly string[] {
  let schema: unknown = settings('/')
  for (const part of path) {
    if (schema instanceof z.ZodOptional) schema = schema.unwrap()
    if (schema instanceof z.ZodArray) schema = schema.element
    else if (schema instanceof z.ZodObject) schema = (schema.shape as Record<string, unknown>)[part]
  }
  if (schema instanceof z.ZodOptional) schema = schema.unwrap()
  return schema instanceof z.ZodObject ? Object.keys(schema.shape as object) : []
}
