import type { Platform } from '../../oci/platform.ts'

const architectures: Readonly<Record<string, readonly [string, string?]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
  i386: ['386'],
  i686: ['386'],
}

/** `linux/amd64`, `arm64`, `linux/arm/v7`, `linux`: what is missing comes from `fallback`. The form was checked before. */
export function parsePlatform(text: string, fallback: Platform): Platform {
  const parts = text.toLowerCase().split('/')
  const [first = ''] = parts
  if (parts.length === 1 && ['linux', 'windows', 'darwin', 'freebsd'].includes(first)) {
    return { os: first, architecture: fallback.architecture }
  }
  const [os, architecture = '', variant] = parts.length === 1 ? [fallback.os, first] : parts
  const [name, impliedVariant] = architectures[architecture] ?? [architecture]
  const known = variant ?? impliedVariant
  const plain = known === undefined || (name === 'arm64' && known === 'v8')
  return { os: os ?? fallback.os, architecture: name, ...(plain ? {} : { variant: known }) }
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

/** The platform of this process. */
export function localPlatform(): Platform {
  const architecture = { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch
  return { os: 'linux', architecture }
}
