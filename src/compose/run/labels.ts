import { createHash } from 'node:crypto'
import { sortedJson } from '../sorted-json.ts'
import { configHash } from '../config-hash.ts'
import type { Project, Service } from '../model/project.ts'

/** Docker's own, so that either tool finds what the other made. */
const prefix = 'com.docker.compose'

type LabelName =
  | 'project'
  | 'service'
  | 'number'
  | 'oneOff'
  | 'hash'
  | 'image'
  | 'dependsOn'
  | 'files'
  | 'folder'
  | 'version'
  | 'replace'
  | 'network'
  | 'volume'
  | 'slug'
  | 'resourceHash'

export const label: Readonly<Record<LabelName, string>> = {
  project: `${prefix}.project`,
  service: `${prefix}.service`,
  number: `${prefix}.container-number`,
  oneOff: `${prefix}.oneoff`,
  hash: `${prefix}.config-hash`,
  image: `${prefix}.image`,
  dependsOn: `${prefix}.depends_on`,
  files: `${prefix}.project.config_files`,
  folder: `${prefix}.project.working_dir`,
  version: `${prefix}.version`,
  replace: `${prefix}.replace`,
  network: `${prefix}.network`,
  volume: `${prefix}.volume`,
  slug: `${prefix}.slug`,
  // not Docker's name: its `up` would offer to throw away a volume whose digest it did not make itself
  resourceHash: 'mille.compose.config-hash',
}

/** The release whose labels these are: some tools read it. */
const version = '2.40.3'

type Labels = Readonly<Record<string, string>>

export function containerLabels(
  project: Project,
  name: string,
  service: Service,
  own: { readonly number: number; readonly imageId: string; readonly oneOff?: string },
): Labels {
  const needs = Object.entries(service.depends_on ?? {}).map(
    ([other, { condition, restart = false }]) => `${other}:${condition}:${restart}`,
  )
  return {
    ...service.labels,
    [label.hash]: configHash(service),
    [label.number]: String(own.number),
    [label.dependsOn]: needs.join(','),
    [label.image]: own.imageId,
    [label.oneOff]: own.oneOff === undefined ? 'False' : 'True',
    ...(own.oneOff !== undefined && { [label.slug]: own.oneOff }),
    [label.project]: project.name,
    [label.files]: project.files.join(','),
    [label.folder]: project.folder,
    [label.service]: name,
    [label.version]: version,
  }
}

/** Of a network or a volume. */
export function resourceLabels(
  project: Project,
  kind: 'network' | 'volume',
  name: string,
  resource: { readonly labels?: Labels },
): Labels {
  return {
    ...resource.labels,
    [label.resourceHash]: resourceHash(resource),
    [label[kind]]: name,
    [label.project]: project.name,
    [label.version]: version,
  }
}

/** What a network or volume was made of. */
export function resourceHash(resource: object): string {
  return createHash('sha256').update(sortedJson(resource)).digest('hex')
}

/** Was it made of something else than this? Of what Docker made nobody can tell. */
export function isOtherResource(labels: Labels, resource: object): boolean {
  const hash = labels[label.resourceHash]
  return hash !== undefined && hash !== resourceHash(resource)
}
