import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isRegistryHost } from '../../oci/reference.ts'
import { failure, messageOf } from '../../util/errors.ts'
import { readText } from '../../util/read-text.ts'
import type { HostRule } from '../config/registry-rules.ts'

/** PEM texts for TLS with one host. */
export interface HostCertificates {
  /** Who may have signed the host's certificate, besides those whom everybody trusts. */
  readonly ca: readonly string[]
  /** Who we are. */
  readonly own: readonly { readonly cert: string; readonly key: string }[]
}

/**
 * The certificates for `host[:port]`: what its rule names, else Docker's layout in the first of `folders` that has one
 * for it: `<folder>/<host[:port]>/*.crt` sign, `NAME.cert` with `NAME.key` are ours. Undefined when there are none.
 * CERTIFICATE_INVALID for a file that cannot be read, or one of a pair without the other.
 */
export function findCertificates(
  host: string,
  rule: HostRule | undefined,
  folders: readonly string[],
): HostCertificates | undefined {
  if (rule?.ca !== undefined || rule?.cert !== undefined) {
    const { ca, cert, key } = rule
    return {
      ca: ca === undefined ? [] : [readPem(ca)],
      own: cert === undefined || key === undefined ? [] : [{ cert: readPem(cert), key: readPem(key) }],
    }
  }
  // the host becomes a part of a path
  if (!isRegistryHost(host)) return undefined
  // a URL drops the port that is its scheme's own
  const names = /:\d+$/.test(host) ? [host] : [host, `${host}:443`]
  for (const folder of folders) {
    for (const name of names) {
      const found = readFolder(join(folder, name))
      if (found !== undefined) return found
    }
  }
  return undefined
}

function readFolder(folder: string): HostCertificates | undefined {
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw failure('CERTIFICATE_INVALID', { path: folder, reason: messageOf(error) }, { cause: error })
  }
  const ca = names.filter((name) => name.endsWith('.crt')).map((name) => readPem(join(folder, name)))
  const own = names
    .filter((name) => name.endsWith('.cert'))
    .map((name) => {
      const key = `${name.slice(0, -'.cert'.length)}.key`
      const path = join(folder, name)
      if (!names.includes(key))
        throw failure('CERTIFICATE_INVALID', { path, reason: `it needs ${key} beside it` })
      return { cert: readPem(path), key: readPem(join(folder, key)) }
    })
  const alone = names.find((name) => name.endsWith('.key') && !names.includes(`${name.slice(0, -4)}.cert`))
  if (alone !== undefined) {
    const reason = `it needs ${alone.slice(0, -4)}.cert beside it (.crt is for who signs)`
    throw failure('CERTIFICATE_INVALID', { path: join(folder, alone), reason })
  }
  return ca.length + own.length === 0 ? undefined : { ca, own }
}

function readPem(path: string): string {
  try {
    return readText(path)
  } catch (error) {
    throw failure('CERTIFICATE_INVALID', { path, reason: messageOf(error) }, { cause: error })
  }
}

/** Where systems keep whom they trust: Debian and Alpine, Fedora, openSUSE. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
]

/** Whom this machine trusts: Node knows only its own list, and an administrator adds to the system's. */
export function systemCertificates(): string | undefined {
  for (const path of systemBundles) {
    try {
      return readText(path)
    } catch {
      // another system
    }
  }
  return undefined
}
