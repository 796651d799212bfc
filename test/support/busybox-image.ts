import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FolderTree } from '../../src/builder/context/folder-tree.ts'
import { walkSelected } from '../../src/builder/context/content-digest.ts'
import { pathOf } from '../../src/builder/context/source-tree.ts'
import { fileTypes } from '../../src/linux/statx.ts'
import type { ContainerConfig } from '../../src/oci/config.ts'
import type { ImageRecord, LayerEntry, Store } from '../../src/store/store.ts'
import { makeBusyboxRoot } from './busybox-root.ts'

/** A base image of one layer made of this machine's static busybox; the same bytes at every call. */
export async function makeBusyboxImage(
  store: Store,
  name: string = 'docker.io/library/busybox:latest',
  config: ContainerConfig = { Cmd: ['sh'], Env: ['PATH=/bin'] },
): Promise<ImageRecord> {
  const root = mkdtempSync(join(tmpdir(), 'mille-busybox-'))
  try {
    makeBusyboxRoot(root)
    await using tree = new FolderTree(root, { isContext: false })
    await using lease = await store.lease('test base')
    const layer = await store.layers.write(entriesOf(tree), { lease })
    await store.snapshots.apply(layer.diffId, undefined, { lease })
    const rootfs = { type: 'layers', diff_ids: [layer.diffId] } as const
    const history = [{ created: '1970-01-01T00:00:00Z', created_by: 'busybox' }]
    const image = {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config,
      rootfs,
      history,
    }
    return await store.images.create({ config: image, names: [name] }, lease)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

function entriesOf(tree: FolderTree): LayerEntry[] {
  const entries: LayerEntry[] = []
  walkSelected(tree, { node: tree.root, name: '' }, (node) => {
    if (node === tree.root) return
    const path = pathOf(node)
    const common = { path, mode: node.mode & 0o7777, uid: 0, gid: 0, mtime: 0n }
    const type = node.mode & fileTypes.mask
    if (type === fileTypes.directory)
      entries.push({ ...common, type: 'directory', mode: path === 'tmp' ? 0o1777 : 0o755 })
    else if (type === fileTypes.symlink)
      entries.push({ ...common, type: 'symlink', linkTarget: tree.readLink(node) })
    else entries.push({ ...common, type: 'file', size: node.size, body: tree.body(node) })
  })
  return entries
}
