import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptySha256, signAws } from './sign-aws.ts'

const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}
const time = new Date('2013-05-24T00:00:00Z')
const region = 'us-east-1'

function signature(headers: Record<string, string>): string {
  return /Signature=(\w+)$/.exec(headers['authorization'] ?? '')?.[1] ?? ''
}

// the published examples of AWS, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk"
test('GET of an object, with a range', () => {
  const url = new URL('https://examplebucket.s3.amazonaws.com/test.txt')
  const headers = { range: 'bytes=0-9' }
  const signed = signAws({ method: 'GET', url, headers, sha256: emptySha256, region, time }, credentials)
  assert.equal(signature(signed), 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41')
  assert.equal(signed['x-amz-date'], '20130524T000000Z')
  assert.match(
    signed['authorization'] ?? '',
    /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20130524\/us-east-1\/s3\/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,/,
  )
})

test('PUT of an object whose name is percent-encoded', () => {
  const url = new URL('https://examplebucket.s3.amazonaws.com/test%24file.text')
  const headers = { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' }
  const sha256 = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'
  const signed = signAws({ method: 'PUT', url, headers, sha256, region, time }, credentials)
  assert.equal(signature(signed), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd')
})

test('a session token is signed and sent; the secret is nowhere', () => {
  const url = new URL('https://examplebucket.s3.amazonaws.com/x')
  const request = { method: 'GET', url, sha256: emptySha256, region, time }
  const signed = signAws(request, { ...credentials, sessionToken: 'token' })
  assert.equal(signed['x-amz-security-token'], 'token')
  assert.match(signed['authorization'] ?? '', /x-amz-security-token/)
  assert.ok(!JSON.stringify(signed).includes(credentials.secretAccessKey))
})
