import type { BundleSeat } from '../oci-program.ts'
import type { ProcessSpec } from '../runtime.ts'
import type { RuntimeSpec } from '../spec.ts'
import { compiledDefault, defaultFilter } from './default-filter.ts'
import { parseProfile, resolveProfile } from './profile.ts'

/** The document with the filter of system calls that the process is to have (C-R12). SECCOMP_PROFILE_INVALID. */
export function confine(
  document: RuntimeSpec,
  spec: ProcessSpec,
  { program, filters }: BundleSeat,
): RuntimeSpec {
  const { seccomp: choice, privileged } = spec
  if (choice?.kind === 'unconfined' || (choice === undefined && privileged === true)) return document
  const caps = document.process.capabilities['bounding'] ?? []
  if (choice?.kind === 'profile') {
    const filter = resolveProfile(parseProfile(choice.text), caps)
    return { ...document, linux: { ...document.linux, seccomp: filter } }
  }
  // crun takes a program that is ready; a crun that did not would still find the rules
  const compiled = program.name === 'crun' ? compiledDefault(filters, caps) : undefined
  return {
    ...document,
    ...(compiled && {
      annotations: { ...document.annotations, 'run.oci.seccomp_bpf_data': compiled.toString('base64') },
    }),
    linux: { ...document.linux, seccomp: defaultFilter(caps) },
  }
}
