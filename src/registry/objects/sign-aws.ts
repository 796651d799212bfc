import { createHash, createHmac } from 'node:crypto'

export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface AwsRequest {
  readonly method: string
  /** Its path as it is sent, percent-encoded once. */
  readonly url: URL
  /** Signed with the rest; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** Hex digits of the body's SHA-256. */
  readonly sha256: string
  readonly region: string
  readonly time: Date
}

/** Of no bytes. */
export const emptySha256: string = createHash('sha256').digest('hex')

/**
 * The headers of a request to S3 with Signature Version 4 in them. The secret goes into the signature only.
 * Source: AWS, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)".
 */
export function signAws(
  { method, url, headers = {}, sha256, region, time }: AwsRequest,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
): Record<string, string> {
  const stamp = time.toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const day = stamp.slice(0, 8)
  const signed: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': sha256,
    'x-amz-date': stamp,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  }
  const names = Object.keys(signed).toSorted()
  const canonical = [
    method,
    url.pathname,
    url.search.slice(1),
    ...names.map((name) => `${name}:${signed[name]?.trim() ?? ''}`),
    '',
    names.join(';'),
    sha256,
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', stamp, scope, hash(canonical)].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer>(mac, Buffer.from(`AWS4${secretAccessKey}`))
  const signature = mac(key, text).toString('hex')
  const { host: _, ...sent } = signed
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`
  return { ...sent, authorization }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function mac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
