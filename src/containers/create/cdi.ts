import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessMount, ProcessSpec } from '../../runtime/runtime.ts'
import { failure, messageOf } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'
import type { DeviceRequest } from '../containers.ts'

/** Where descriptions of devices lie; those of the later folder win. Source: the CDI specification. */
const folders = ['/etc/cdi', '/var/run/cdi']

/** What devices that the machine's administrator described want in a container's document. */
export interface CdiEdits {
  readonly env: readonly string[]
  readonly devices: readonly DeviceRequest[]
  readonly mounts: readonly ProcessMount[]
  readonly groups: readonly string[]
  readonly hooks: NonNullable<ProcessSpec['hooks']>
}

/** The fields that are read; everything else of a description is left alone. */
interface ContainerEdits {
  readonly env?: readonly string[]
  readonly deviceNodes?: readonly {
    readonly path: string
    readonly hostPath?: string
    readonly permissions?: string
  }[]
  readonly mounts?: readonly {
    readonly hostPath: string
    readonly containerPath: string
    readonly options?: readonly string[]
  }[]
  readonly additionalGids?: readonly number[]
  readonly hooks?: readonly (NonNullable<ProcessSpec['hooks']>[string][number] & {
    readonly hookName: string
  })[]
}

interface Description {
  readonly kind?: string
  readonly devices?: readonly { readonly name?: string; readonly containerEdits?: ContainerEdits }[]
  readonly containerEdits?: ContainerEdits
}

/** `vendor.com/class=name`. */
export const cdiName: RegExp = /^[A-Za-z][\w.-]*\/[A-Za-z][\w.-]*=[\w.:-]+$/

/** Looks the devices up, the descriptions read anew. DEVICES_UNKNOWN in Docker's words, CDI_INVALID names the file. */
export async function findCdiDevices(names: readonly string[]): Promise<CdiEdits> {
  const { descriptions, problem } = names.length === 0 ? nothing : await readDescriptions()
  const unknown: string[] = []
  const edits: ContainerEdits[] = []
  const whole = new Set<Description>()
  for (const name of names) {
    const [kind, device] = name.split('=')
    const found = descriptions.findLast(
      (one) => one.kind === kind && one.devices?.some((other) => other.name === device),
    )
    if (found === undefined) {
      unknown.push(name)
      continue
    }
    // what all devices of a description want comes once, before theirs
    if (!whole.has(found)) edits.push(found.containerEdits ?? {})
    whole.add(found)
    edits.push(found.devices?.find((other) => other.name === device)?.containerEdits ?? {})
  }
  if (unknown.length > 0) {
    // it may be the one that describes them
    if (problem !== undefined) throw problem
    const reason = `CDI device injection failed: unresolvable CDI devices ${unknown.join(', ')}`
    throw failure('DEVICES_UNKNOWN', { reason })
  }
  return merge(edits)
}

interface Descriptions {
  readonly descriptions: readonly Description[]
  /** Of a file that cannot be read. */
  readonly problem?: Error
}

const nothing: Descriptions = { descriptions: [] }

async function readDescriptions(): Promise<Descriptions> {
  const paths = folders.flatMap((folder) => filesIn(folder).map((name) => join(folder, name)))
  if (paths.length === 0) return nothing
  // JSON is YAML too
  const { parse } = await import('yaml')
  let problem: Error | undefined
  const descriptions = paths.flatMap((path) => {
    try {
      return [(parse(readIfThere(path)) ?? {}) as Description]
    } catch (cause) {
      problem ??= failure('CDI_INVALID', { path, reason: messageOf(cause) }, { cause })
      return []
    }
  })
  return { descriptions, ...(problem && { problem }) }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(json|ya?ml)$/.test(name))
      .toSorted()
  } catch {
    return []
  }
}

function merge(edits: readonly ContainerEdits[]): CdiEdits {
  const hooks: Record<string, CdiEdits['hooks'][string]> = {}
  for (const { hookName, path, args, env, timeout } of edits.flatMap((one) => one.hooks ?? [])) {
    const hook = {
      path,
      ...(args && { args }),
      ...(env && { env }),
      ...(timeout !== undefined && { timeout }),
    }
    hooks[hookName] = [...(hooks[hookName] ?? []), hook]
  }
  return {
    env: edits.flatMap(({ env = [] }) => env),
    devices: edits.flatMap(({ deviceNodes = [] }) =>
      deviceNodes.map(({ path, hostPath, permissions }) => ({
        source: hostPath ?? path,
        target: path,
        access: permissions ?? 'rwm',
      })),
    ),
    mounts: edits.flatMap(({ mounts = [] }) =>
      mounts.map(({ hostPath, containerPath, options = [] }): ProcessMount => ({
        type: 'bind',
        source: hostPath,
        target: containerPath,
        readonly: options.includes('ro'),
        options: options.filter((word) => !['ro', 'rw', 'bind', 'rbind'].includes(word)),
      })),
    ),
    groups: edits.flatMap(({ additionalGids = [] }) => additionalGids.map(String)),
    hooks,
  }
}
