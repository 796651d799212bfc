import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfig } from './config.ts'
import { parseDiffId } from './digest.ts'
import {
  asBoolean,
  asFields,
  asList,
  asMap,
  asSize,
  asString,
  asStringMap,
  asStrings,
  optional,
  parseDocument,
  present,
  wrong,
} from './document-fields.ts'
import { maxLayers } from './parse-manifest.ts'

/**
 * Reads and checks an image config. Fields that mille does not know are left out: keep the raw bytes, they are what the
 * image ID names. Throws MANIFEST_INVALID, MANIFEST_TOO_LARGE, DIGEST_INVALID. Source: OCI image-spec 1.1, config.md.
 */
export function parseImageConfig(raw: Uint8Array): ImageConfig {
  const fields = parseDocument(raw, 'config')
  return {
    ...optional(fields, 'created', 'config', asTime),
    ...optional(fields, 'author', 'config', asString),
    architecture: asString(fields['architecture'], 'config.architecture'),
    os: asString(fields['os'], 'config.os'),
    ...optional(fields, 'variant', 'config', asString),
    ...optional(fields, 'os.version', 'config', asString),
    ...optional(fields, 'config', 'config', readContainerConfig),
    rootfs: readRootfs(fields['rootfs']),
    ...optional(fields, 'history', 'config', (value, what) => asList(value, what, readHistory)),
  }
}

function readRootfs(value: unknown): ImageConfig['rootfs'] {
  const fields = asFields(value, 'config.rootfs')
  if (fields['type'] !== 'layers') throw wrong('config.rootfs.type', 'not "layers"')
  const diffIds = present(fields['diff_ids']) ? fields['diff_ids'] : []
  if (Array.isArray(diffIds) && diffIds.length > maxLayers) {
    throw wrong('config.rootfs.diff_ids', `more than ${maxLayers}`)
  }
  return { type: 'layers', diff_ids: asList(diffIds, 'config.rootfs.diff_ids', parseDiffId) }
}

function readContainerConfig(value: unknown, what: string): ContainerConfig {
  const fields = asFields(value, what)
  return {
    ...optional(fields, 'User', what, asString),
    ...optional(fields, 'ExposedPorts', what, asSet),
    ...optional(fields, 'Env', what, asStrings),
    ...optional(fields, 'Entrypoint', what, asStrings),
    ...optional(fields, 'Cmd', what, asStrings),
    ...optional(fields, 'Volumes', what, asSet),
    ...optional(fields, 'WorkingDir', what, asString),
    ...optional(fields, 'Labels', what, asStringMap),
    ...optional(fields, 'StopSignal', what, asString),
    ...optional(fields, 'Healthcheck', what, readHealthcheck),
    ...optional(fields, 'OnBuild', what, asStrings),
    ...optional(fields, 'Shell', what, asStrings),
    ...optional(fields, 'ArgsEscaped', what, asBoolean),
  }
}

function readHealthcheck(value: unknown, what: string): Healthcheck {
  const fields = asFields(value, what)
  return {
    ...optional(fields, 'Test', what, asStrings),
    ...optional(fields, 'Interval', what, asSize),
    ...optional(fields, 'Timeout', what, asSize),
    ...optional(fields, 'StartPeriod', what, asSize),
    ...optional(fields, 'StartInterval', what, asSize),
    ...optional(fields, 'Retries', what, asSize),
  }
}

function readHistory(value: unknown, what: string): HistoryEntry {
  const fields = asFields(value, what)
  return {
    ...optional(fields, 'created', what, asTime),
    ...optional(fields, 'created_by', what, asString),
    ...optional(fields, 'author', what, asString),
    ...optional(fields, 'comment', what, asString),
    ...optional(fields, 'empty_layer', what, asBoolean),
  }
}

/** A Go `map[string]struct{}`. */
function asSet(value: unknown, what: string): Readonly<Record<string, Record<string, never>>> {
  return asMap(value, what, (item, where) => {
    if (present(item)) asFields(item, where)
    return {}
  })
}

function asTime(value: unknown, what: string): string {
  const text = asString(value, what)
  if (Number.isNaN(Date.parse(text))) throw wrong(what, 'not an RFC 3339 time')
  return text
}
