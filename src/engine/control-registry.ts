import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openFileStorage } from '../registry/server/file-storage.ts'
import { type RegistryControl, remoteControl } from '../registry/server/gc/control.ts'
import { CollectionSchedule } from '../registry/server/gc/schedule.ts'
import type { RegistrySettings } from '../registry/settings/registry-settings.ts'
import { failure, isMilleError } from '../util/errors.ts'

export const defaultGrace = 3_600_000

/**
 * Has `work` done on a registry's folder: by the process that serves it, or here when none does.
 * Throws NOT_IMPLEMENTED for a bucket, PATH_NOT_FOUND where no registry is.
 */
export async function controlRegistry<Result>(
  { storage, bucket, gc = {}, retention = [] }: RegistrySettings,
  root: string,
  work: (control: RegistryControl) => Promise<Result>,
): Promise<Result> {
  if (bucket !== undefined) throw failure('NOT_IMPLEMENTED', { feature: 'collecting a registry in a bucket' })
  const folder = storage ?? root
  const database = join(folder, 'registry.db')
  if (!existsSync(database)) throw failure('PATH_NOT_FOUND', { call: 'open', path: database })
  await using resources = new AsyncDisposableStack()
  try {
    const opened = resources.use(openFileStorage(folder))
    const options = { interval: undefined, grace: gc.grace ?? defaultGrace, retention, onLog: undefined }
    const schedule = resources.use(new CollectionSchedule(opened, options))
    return await work({ collect: (request) => schedule.collect(request), scrub: () => opened.scrub() })
  } catch (error) {
    if (!isMilleError(error, 'REGISTRY_ROOT_BUSY')) throw error
    return await work(remoteControl(folder))
  }
}
