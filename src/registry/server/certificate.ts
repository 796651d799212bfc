import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure, isMilleError, messageOf } from '../../util/errors.ts'
import { runProgram } from '../../util/run-program.ts'

/** PEM, as a TLS server wants it. */
export interface Certificate {
  /** With the chain above it, if there is one. */
  readonly certificate: string
  readonly key: string
}

const days = 825
const renewBefore = 30 * 86_400_000

/** Throws TLS_CERTIFICATE_INVALID with the file that is wrong, or the file's error. */
export async function readCertificate(paths: {
  readonly certificate: string
  readonly key: string
}): Promise<Certificate> {
  const read = async (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((error: unknown) => {
      throw fromNodeError(error, path)
    })
  const invalid = (path: string, error: unknown): Error =>
    failure('TLS_CERTIFICATE_INVALID', { path, reason: messageOf(error) }, { cause: error })
  const [certificate, key] = [await read(paths.certificate), await read(paths.key)]
  let parsed: X509Certificate
  try {
    parsed = new X509Certificate(certificate)
  } catch (error) {
    throw invalid(paths.certificate, error)
  }
  try {
    if (!parsed.checkPrivateKey(createPrivateKey(key))) {
      throw new Error(`it is not the key of ${paths.certificate}`)
    }
  } catch (error) {
    throw invalid(paths.key, error)
  }
  return { certificate, key }
}

/**
 * A certificate for `names` (hosts and addresses) signed by itself: made in `folder` at the first use, kept until it ends or
 * a name is missing. Clients must be told to trust `<folder>/self-signed.crt`. PROGRAM_MISSING without openssl.
 */
export async function selfSignedCertificate(folder: string, names: readonly string[]): Promise<Certificate> {
  const paths = { certificate: join(folder, 'self-signed.crt'), key: join(folder, 'self-signed.key') }
  const found = await readCertificate(paths).catch((error: unknown) => {
    if (isMilleError(error, 'PATH_NOT_FOUND', 'TLS_CERTIFICATE_INVALID')) return undefined
    throw error
  })
  if (found !== undefined && isGoodFor(new X509Certificate(found.certificate), names)) return found
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await makeCertificate(paths, names)
  return readCertificate(paths)
}

function isGoodFor(certificate: X509Certificate, names: readonly string[]): boolean {
  if (Date.parse(certificate.validTo) - renewBefore < Date.now()) return false
  return names.every(
    (name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined,
  )
}

async function makeCertificate(
  paths: { readonly certificate: string; readonly key: string },
  names: readonly string[],
): Promise<void> {
  const alternatives = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',')
  const temporary = { certificate: `${paths.certificate}.new`, key: `${paths.key}.new` }
  // openssl would make it readable for all
  await (await open(temporary.key, 'w', 0o600)).close()
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days ${days}`.split(' ')
  await runProgram('openssl', [
    ...args,
    '-subj',
    '/CN=mille registry',
    '-addext',
    `subjectAltName=${alternatives}`,
    // not an authority: who trusts it trusts this server and no certificate that its key signs
    '-addext',
    'basicConstraints=critical,CA:FALSE',
    '-addext',
    'extendedKeyUsage=serverAuth',
    '-keyout',
    temporary.key,
    '-out',
    temporary.certificate,
  ])
  await rename(temporary.key, paths.key)
  await rename(temporary.certificate, paths.certificate)
}
