import { toSystemInfo } from '../convert/system-info.ts'
import { json } from '../http/response.ts'
import type { Route } from '../route.ts'

export const routes: readonly Route<'info'>[] = [
  { method: 'GET', path: '/info', handle: async (_, engine) => json(toSystemInfo(await engine.info())) },
]
