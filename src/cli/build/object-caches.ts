import type { ActionsAddress, S3Address } from '../../builder/cache/remote/cache-place.ts'
import { failure } from '../../util/errors.ts'
import type { CacheAttributes } from './cache-attributes.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const refuse = (reason: string): Error => failure('CLI_FAILED', { reason })

/** `type=s3`, with BuildKit's attributes; what AWS's tools take from the environment is taken from there. CLI_FAILED. */
export function s3Address(attributes: CacheAttributes, env: Environment): S3Address {
  const endpoint = attributes.text('endpoint_url') ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']
  if (endpoint !== undefined && !URL.canParse(endpoint))
    throw refuse(`endpoint_url of ${attributes.flag}: "${endpoint}" is no URL`)
  const bucket = attributes.text('bucket') ?? env['AWS_BUCKET'] ?? attributes.required('bucket', 's3')
  const region = attributes.text('region') ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION']
  if (region === undefined)
    throw refuse(`${attributes.flag} type=s3 needs region=…: it is neither there nor in AWS_REGION`)
  return {
    type: 's3',
    bucket,
    region,
    names: (attributes.text('name') ?? 'buildkit').split(';').filter(Boolean),
    prefix: attributes.text('prefix') ?? '',
    blobsPrefix: attributes.text('blobs_prefix') ?? 'blobs/',
    manifestsPrefix: attributes.text('manifests_prefix') ?? 'manifests/',
    ...(endpoint !== undefined && { endpoint }),
    pathStyle: attributes.truth('use_path_style', false),
    ...awsCredentials(attributes, env),
  }
}

function awsCredentials(attributes: CacheAttributes, env: Environment): Pick<S3Address, 'credentials'> {
  const accessKeyId = attributes.text('access_key_id') ?? env['AWS_ACCESS_KEY_ID']
  const secretAccessKey = attributes.text('secret_access_key') ?? env['AWS_SECRET_ACCESS_KEY']
  const sessionToken = attributes.text('session_token') ?? env['AWS_SESSION_TOKEN']
  if (accessKeyId === undefined && secretAccessKey === undefined) return {}
  if (!accessKeyId || !secretAccessKey)
    throw refuse(
      `${attributes.flag} type=s3: access_key_id and secret_access_key go together, one is missing`,
    )
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } }
}

/** `type=gha`, with BuildKit's attributes; a job's own are in its environment. CLI_FAILED. */
export function actionsAddress(attributes: CacheAttributes, env: Environment): ActionsAddress {
  const url = attributes.text('url_v2') ?? env['ACTIONS_RESULTS_URL']
  const old = attributes.text('url') ?? env['ACTIONS_CACHE_URL']
  const token = attributes.text('token') ?? env['ACTIONS_RUNTIME_TOKEN']
  const where = `${attributes.flag} type=gha`
  if (url === undefined && old !== undefined)
    throw refuse(`${where}: version 1 of GitHub's cache is not spoken: set url_v2=… or ACTIONS_RESULTS_URL`)
  if (url === undefined || token === undefined) {
    const missing = url === undefined ? 'url_v2=… or ACTIONS_RESULTS_URL' : 'token=… or ACTIONS_RUNTIME_TOKEN'
    throw refuse(
      `${where} needs ${missing}: steps of a workflow get them from crazy-max/ghaction-github-runtime`,
    )
  }
  if (!URL.canParse(url)) throw refuse(`${where}: "${url}" is no URL`)
  return { type: 'gha', url, token, scope: attributes.text('scope') ?? 'buildkit' }
}
