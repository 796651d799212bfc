import { release } from 'node:os'
import { hostPlatform } from '../../oci/platform.ts'
import { version } from '../../util/version.ts'
import { newestVersion, oldestVersion } from '../http/api-version.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { Route } from '../route.ts'

async function showVersion(): Promise<ApiResponse> {
  const facts = {
    ApiVersion: `1.${newestVersion}`,
    MinAPIVersion: `1.${oldestVersion}`,
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch: hostPlatform().architecture,
    KernelVersion: release(),
    BuildTime: '',
  }
  const engine = { Name: 'Engine', Version: version, Details: { ...facts, Experimental: 'false' } }
  return json({ Platform: { Name: 'mille' }, Components: [engine], Version: version, ...facts })
}

export const routes: readonly Route<never>[] = [{ method: 'GET', path: '/version', handle: showVersion }]
