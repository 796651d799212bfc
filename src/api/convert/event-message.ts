import type { EngineEvent } from '../../store/event-log.ts'
import type { EventMessage } from '../types/event-message.ts'

/** An event in Docker's wire shape. */
export function toEventMessage({ type, action, id, attributes, time }: EngineEvent): EventMessage {
  const sorted = Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))
  const from = attributes['image']
  const isOld = type === 'container' || type === 'image'
  return {
    ...(isOld && { status: action, id }),
    ...(type === 'container' && from !== undefined && { from }),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: sorted },
    scope: 'local',
    time: Number(time / 1_000_000_000n),
    timeNano: time,
  }
}

/** One line of JSON; nanoseconds since 1970 are more than a JavaScript number holds. */
export function eventJson({ timeNano, ...message }: EventMessage): string {
  return `${JSON.stringify(message).slice(0, -1)},"timeNano":${timeNano}}`
}
