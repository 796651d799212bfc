import type { EngineOptions } from '../engine/engine.ts'
import { parseReference } from '../oci/reference.ts'

/** What `--insecure` adds: the registries of these names may be reached without TLS. */
export function insecureRegistry(
  insecure: boolean,
  ...names: readonly string[]
): Pick<EngineOptions, 'insecureRegistries'> {
  return insecure ? { insecureRegistries: names.map((name) => parseReference(name).registry) } : {}
}
