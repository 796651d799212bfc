import { createWriteStream, lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { Manifest } from '../../oci/manifest.ts'
import type { Repository } from '../../registry/repository.ts'
import { failure } from '../../util/errors.ts'
import { makeFolders } from '../../util/make-folders.ts'
import type { OpOptions } from '../../util/progress.ts'
import { replaceFile } from '../../util/replace-file.ts'
import { titleKey } from './push-artifact.ts'

/**
 * Writes the files of an artifact below `folder`, each under its name only when it is whole and its digest right. All names
 * are looked at before anything is written: one that leads out of the folder, or through a link, is ARTIFACT_INVALID.
 */
export async function pullArtifact(
  repository: Repository,
  { layers }: Manifest,
  folder: string,
  options: OpOptions,
): Promise<readonly string[]> {
  const titled = layers.flatMap((layer) => {
    const title = layer.annotations?.[titleKey]
    return title === undefined ? [] : [{ layer, path: join(folder, checkTitle(title)) }]
  })
  if (titled.length === 0) {
    throw failure('ARTIFACT_INVALID', { reason: 'none of its parts has a name to write it under' })
  }
  for (const { path } of titled) checkFolders(folder, path)
  for (const { layer, path } of titled) {
    try {
      makeFolders(dirname(path))
      const body = await repository.fetch(layer, options)
      await replaceFile(path, (temporary) =>
        pipeline(body, createWriteStream(temporary), { signal: options.signal }),
      )
    } catch (error) {
      throw fromNodeError(error, path)
    }
  }
  return titled.map(({ path }) => path)
}

const control = /[\x00-\x1f\x7f]/

/** A registry's word becomes a path of this machine: plain names only, none of which climbs. */
function checkTitle(title: string): string {
  const parts = title.split('/')
  const isPlain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !control.test(part))
  if (!isPlain || title.length > 4096) {
    throw failure('ARTIFACT_INVALID', { reason: `the name "${title.slice(0, 300)}" leads out of the folder` })
  }
  return title
}

/** Folders on the way to `path` are made, or are there as folders: a link among them would lead elsewhere. */
function checkFolders(folder: string, path: string): void {
  for (let above = dirname(path); above.length > folder.length; above = dirname(above)) {
    const status = lstatSync(above, { throwIfNoEntry: false })
    if (status !== undefined && !status.isDirectory()) {
      throw failure('ARTIFACT_INVALID', { reason: `${above} is in the way, and no folder` })
    }
  }
}
