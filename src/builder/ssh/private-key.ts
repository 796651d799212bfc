import { createPrivateKey, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { failure } from '../../util/errors.ts'
import { mpint, string, WireReader } from './wire.ts'

export interface SshKey {
  /** As in `authorized_keys`, decoded. Source: RFC 4253, 5656, 8709. */
  readonly publicKey: Buffer
  readonly comment: string
  /** A signature blob; `flags` as in SSH_AGENTC_SIGN_REQUEST choose the hash of RSA. */
  sign(data: Buffer, flags: number): Buffer
}

const curves: Readonly<
  Record<string, { readonly name: string; readonly hash: string; readonly size: number }>
> = {
  'P-256': { name: 'nistp256', hash: 'sha256', size: 32 },
  'P-384': { name: 'nistp384', hash: 'sha384', size: 48 },
  'P-521': { name: 'nistp521', hash: 'sha512', size: 66 },
}

/** A private key without a passphrase, in PEM or in OpenSSH's own form. SSH_KEY_INVALID. */
export function parseSshKey(name: string, text: string): SshKey {
  const invalid = (reason: string, cause?: unknown): Error =>
    failure('SSH_KEY_INVALID', { name, reason }, { cause })
  try {
    const openssh = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(text)?.[1]
    const key = openssh === undefined ? createPrivateKey(text) : readOpenssh(Buffer.from(openssh, 'base64'))
    const made = key && sshKey(key, name)
    if (made !== undefined) return made
  } catch (error) {
    const isLocked = /ENCRYPTED|passphrase/i.test(text.slice(0, 400)) || /passphrase/i.test(String(error))
    throw invalid(
      isLocked ? 'it has a passphrase: add it to an agent and forward that' : 'it is no private key',
      error,
    )
  }
  throw invalid('it has a passphrase, or is of a kind other than ed25519, ecdsa and rsa')
}

/** Undefined for an encrypted key, or one of another kind. Source: OpenSSH's PROTOCOL.key. */
function readOpenssh(bytes: Buffer): KeyObject | undefined {
  const magic = 'openssh-key-v1\0'
  if (bytes.toString('latin1', 0, magic.length) !== magic) throw new RangeError('not an OpenSSH key')
  const outer = new WireReader(bytes.subarray(magic.length))
  const [cipher] = [outer.string().toString(), outer.string(), outer.string()]
  if (cipher !== 'none' || outer.uint32() !== 1) return undefined
  outer.string()
  const inner = new WireReader(outer.string())
  inner.uint32()
  inner.uint32()
  const jwk = readFields(inner.string().toString(), inner)
  return jwk && createPrivateKey({ key: jwk, format: 'jwk' })
}

function readFields(type: string, reader: WireReader): JsonWebKey | undefined {
  if (type === 'ssh-ed25519') {
    const [x, pair] = [reader.string(), reader.string()]
    return { kty: 'OKP', crv: 'Ed25519', x: base64(x), d: base64(pair.subarray(0, 32)) }
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => reader.mpint())
    if (!n || !e || !d || !qi || !p || !q) return undefined
    const rest = { dp: remainder(d, p), dq: remainder(d, q) }
    const numbers = { n, e, d, p, q, qi }
    const fields = Object.entries(numbers).map(([name, value]) => [name, base64(value)])
    return { kty: 'RSA', ...Object.fromEntries(fields), ...rest } as JsonWebKey
  }
  const name = /^ecdsa-sha2-(nistp\d+)$/.exec(type)?.[1]
  const curve = Object.entries(curves).find(([, one]) => one.name === name)
  if (curve === undefined) return undefined
  const [crv, { size }] = curve
  reader.string()
  const [point, d] = [reader.string(), reader.mpint()]
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)]
  return { kty: 'EC', crv, x: base64(x), y: base64(y), d: base64(padded(d, size)) }
}

function sshKey(key: KeyObject, comment: string): SshKey | undefined {
  const { kty, crv = '', x = '', y = '', e = '', n = '' } = key.export({ format: 'jwk' })
  const bytes = (value: string): Buffer => Buffer.from(value, 'base64url')
  const curve = curves[crv]
  if (kty === 'OKP' && crv === 'Ed25519') {
    const publicKey = Buffer.concat([string('ssh-ed25519'), string(bytes(x))])
    return {
      publicKey,
      comment,
      sign: (data) => Buffer.concat([string('ssh-ed25519'), string(sign(null, data, key))]),
    }
  }
  if (kty === 'RSA') {
    const publicKey = Buffer.concat([string('ssh-rsa'), mpint(bytes(e)), mpint(bytes(n))])
    return { publicKey, comment, sign: (data, flags) => signRsa(key, data, flags) }
  }
  if (kty !== 'EC' || curve === undefined) return undefined
  const type = `ecdsa-sha2-${curve.name}`
  const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)])
  const publicKey = Buffer.concat([string(type), string(curve.name), string(point)])
  return {
    publicKey,
    comment,
    sign(data) {
      const pair = sign(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' })
      const numbers = Buffer.concat([mpint(pair.subarray(0, curve.size)), mpint(pair.subarray(curve.size))])
      return Buffer.concat([string(type), string(numbers)])
    },
  }
}

/** Source: RFC 8332 and draft-miller-ssh-agent, "Signature flags". */
function signRsa(key: KeyObject, data: Buffer, flags: number): Buffer {
  const [type, hash] =
    (flags & 4) !== 0
      ? ['rsa-sha2-512', 'sha512']
      : (flags & 2) !== 0
        ? ['rsa-sha2-256', 'sha256']
        : ['ssh-rsa', 'sha1']
  return Buffer.concat([string(type), string(sign(hash, data, key))])
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64url')
}

function padded(bytes: Buffer, size: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, size - bytes.length)), bytes])
}

/** `value mod (prime - 1)`: what the Chinese remainder theorem needs and OpenSSH does not write. */
function remainder(value: Buffer, prime: Buffer): string {
  const number = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)
  const hex = (number(value) % (number(prime) - 1n)).toString(16)
  return base64(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'))
}
