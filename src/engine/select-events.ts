import type { EngineEvent, EventLog } from '../store/event-log.ts'
import { failure } from '../util/errors.ts'
import type { EventsOptions } from './engine.ts'

type Values = readonly string[]
type Test = (event: EngineEvent, values: Values) => boolean

/** Values of one filter are alternatives, but labels must all match; filters that are not named let everything by. */
const tests: Readonly<Record<string, Test>> = {
  container: (event, values) => isAbout(event, 'container', values),
  event: ({ action }, values) => values.some((value) => action === value || action.startsWith(`${value}:`)),
  image: ({ type, id, attributes }, values) => {
    const name = attributes[type === 'image' ? 'name' : 'image'] ?? ''
    const known = [id, name, withoutTag(id), withoutTag(name)]
    return (type === 'image' || type === 'container') && values.some((value) => known.includes(value))
  },
  label: ({ attributes }, values) =>
    values.every((value) => {
      const [key = '', wanted] = splitOnce(value)
      return Object.hasOwn(attributes, key) && (wanted === undefined || attributes[key] === wanted)
    }),
  network: (event, values) => isAbout(event, 'network', values),
  scope: (_, values) => values.includes('local'),
  type: ({ type }, values) => values.includes(type),
  volume: (event, values) => isAbout(event, 'volume', values),
}

/** Of objects that mille does not have nothing is ever told. */
const without = ['config', 'daemon', 'node', 'plugin', 'secret', 'service']

/** Of a store's events those that pass all filters. INVALID_FILTER. */
export function selectEvents(
  log: EventLog,
  { filters = {}, ...span }: EventsOptions,
): AsyncIterable<EngineEvent> {
  const wanted = Object.entries(filters).map(([name, values]) => {
    const test = Object.hasOwn(tests, name) ? tests[name] : undefined
    if (test === undefined && !without.includes(name)) {
      const known = [...Object.keys(tests), ...without].toSorted().join(', ')
      throw failure('INVALID_FILTER', { filter: name, known })
    }
    return (event: EngineEvent): boolean => test?.(event, values) === true
  })
  return passing(log.read(span), (event) => wanted.every((test) => test(event)))
}

async function* passing(
  events: AsyncIterable<EngineEvent>,
  test: (event: EngineEvent) => boolean,
): AsyncGenerator<EngineEvent, void, undefined> {
  for await (const event of events) if (test(event)) yield event
}

/** By the start of its ID or name. */
function isAbout({ type, id, attributes }: EngineEvent, wanted: string, values: Values): boolean {
  if (type !== wanted) return false
  return values.some((value) => id.startsWith(value) || attributes['name']?.startsWith(value) === true)
}

function withoutTag(name: string): string {
  return name.replace(/(@.*|:[^:/]+)$/, '')
}

function splitOnce(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=')
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
