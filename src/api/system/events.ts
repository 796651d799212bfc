import { eventJson, toEventMessage } from '../convert/event-message.ts'
import { parseMoment } from '../http/moment.ts'
import { send, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'

async function streamEvents(
  { query, signal }: ApiRequest,
  engine: Pick<ServedEngine, 'events'>,
): Promise<ApiResponse> {
  const events = engine.events({
    signal,
    since: parseMoment('since', query.text('since')),
    until: parseMoment('until', query.text('until')),
    filters: query.filters(),
  })
  return {
    kind: 'stream',
    contentType: 'application/json',
    headFirst: true,
    async write(output) {
      for await (const event of events) {
        if (!(await send(output, `${eventJson(toEventMessage(event))}\n`))) return
      }
    },
  }
}

export const routes: readonly Route<'events'>[] = [{ method: 'GET', path: '/events', handle: streamEvents }]
