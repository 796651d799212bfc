import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Engine } from '../../engine/engine.ts'
import { decompress } from '../../util/decompress.ts'
import { failure } from '../../util/errors.ts'
import { pathStatHeader } from '../convert/path-stat.ts'
import type { Query } from '../http/query.ts'
import { empty, json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

type Parts = Pick<Engine, 'containers'>

const statHeader = 'X-Docker-Container-Path-Stat'

async function statArchive({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const stat = await containers.statPath(name, pathOf(query))
  return { kind: 'plain', status: 200, headers: { [statHeader]: pathStatHeader(stat) } }
}

async function readArchive({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const { stat, stream } = await containers.readArchive(name, pathOf(query))
  return {
    kind: 'stream',
    contentType: 'application/x-tar',
    headers: { [statHeader]: pathStatHeader(stat) },
    write: (output) => pipeline(stream, output),
  }
}

async function writeArchive({ name, query, body }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const path = pathOf(query)
  await containers.statPath(name, path)
  const tar = Readable.from(decompress(body as AsyncIterable<Buffer>), { objectMode: false })
  try {
    await containers.writeArchive(name, path, tar, { copyOwner: query.flag('copyUIDGID') })
  } finally {
    tar.destroy()
  }
  return empty(200)
}

function pathOf(query: Query): string {
  const path = query.text('path')
  if (path === '') throw failure('INVALID_ARGUMENT', { reason: 'bad parameter: path cannot be empty' })
  return path
}

async function exportContainer({ name, signal }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const { id } = await containers.inspect(name)
  return {
    kind: 'stream',
    contentType: 'application/octet-stream',
    write: (output) => containers.export(id, output, { signal }),
  }
}

const changeKinds = { C: 0, A: 1, D: 2 } as const

async function listChanges({ name }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const changes = await containers.changes(name)
  return json(
    changes.length === 0 ? null : changes.map(({ kind, path }) => ({ Path: path, Kind: changeKinds[kind] })),
  )
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'HEAD', path: '/containers/{id}/archive', handle: statArchive },
  { method: 'GET', path: '/containers/{id}/archive', handle: readArchive },
  { method: 'PUT', path: '/containers/{id}/archive', handle: writeArchive },
  { method: 'GET', path: '/containers/{id}/export', handle: exportContainer },
  { method: 'GET', path: '/containers/{id}/changes', handle: listChanges },
]
