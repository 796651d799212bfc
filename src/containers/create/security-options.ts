import { parseProfile } from '../../runtime/seccomp/profile.ts'
import type { ProcessSpec } from '../../runtime/runtime.ts'
import { failure } from '../../util/errors.ts'

type Security = Pick<ProcessSpec, 'seccomp' | 'noNewPrivileges' | 'openPaths'>

/**
 * What `--security-opt` asks for; of two for one thing the last counts. No profile of AppArmor or SELinux is ever set, so that
 * asking for none is asking for nothing. SECURITY_OPTION_INVALID, NOT_IMPLEMENTED, SECCOMP_PROFILE_INVALID.
 */
export function securityOptions(options: readonly string[]): Security {
  let security: Security = {}
  for (const option of options) {
    const [, name = '', value = ''] = /^([^=:]*)[=:]?([^]*)$/.exec(option) ?? []
    security = { ...security, ...one(option, name, value) }
  }
  return security
}

function one(option: string, name: string, value: string): Security {
  switch (name) {
    case 'no-new-privileges':
      if (!['', 'true', 'false'].includes(value)) break
      return { noNewPrivileges: value !== 'false' }
    case 'seccomp':
      if (value === '') break
      return { seccomp: seccomp(value) }
    case 'systempaths':
      if (value !== 'unconfined') break
      return { openPaths: true }
    case 'apparmor':
    case 'label':
      if (value === 'unconfined' || value === 'disable') return {}
      throw failure('NOT_IMPLEMENTED', { feature: `security option ${name}` })
    case 'writable-cgroups':
      throw failure('NOT_IMPLEMENTED', { feature: `security option ${name}` })
  }
  throw failure('SECURITY_OPTION_INVALID', { option })
}

function seccomp(value: string): Exclude<Security['seccomp'], undefined> {
  if (value === 'unconfined') return { kind: 'unconfined' }
  if (value === 'builtin') return { kind: 'default' }
  // said when the container is made, not when it starts
  parseProfile(value)
  return { kind: 'profile', text: value }
}
