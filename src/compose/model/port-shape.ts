import { invalid, isMapping, loose, mapped, type Place, record, scalar, type Shape, text } from './shape.ts'

export interface ServicePort {
  readonly name?: string
  readonly mode: string
  readonly host_ip?: string
  readonly target: number
  /** A port or a range of which one is taken; absent: any. */
  readonly published?: string
  readonly protocol: string
  readonly app_protocol?: string
}

type Given = Partial<ServicePort> & Pick<ServicePort, 'target'>

const long: Shape<readonly ServicePort[]> = mapped(
  record<Given>(
    {
      name: text,
      mode: text,
      host_ip: text,
      target: scalar('a port', (value) => (isPort(Number(value)) ? Number(value) : undefined)),
      published: loose,
      protocol: text,
      app_protocol: text,
    },
    { required: ['target'] },
  ),
  (given) => [port(given)],
)

/** A port in either form; ranges are a port each. */
export const portShape: Shape<readonly ServicePort[]> = {
  read: (value, place) =>
    isMapping(value) ? long.read(value, place) : parsePort(loose.read(value, place), place),
}

/** In the order in which `config` prints them. */
function port(given: Given): ServicePort {
  const {
    name,
    mode = 'ingress',
    host_ip,
    target,
    published,
    protocol = 'tcp',
    app_protocol,
    ...rest
  } = given
  return {
    ...(name !== undefined && { name }),
    mode,
    ...(host_ip !== undefined && { host_ip }),
    target,
    ...(published !== undefined && published !== '' && { published }),
    protocol,
    ...(app_protocol !== undefined && { app_protocol }),
    ...rest,
  }
}

/** `[[IP:][HOST[-LAST]]:]PORT[-LAST][/PROTOCOL]`. Source: compose-spec, "ports", short syntax. */
function parsePort(spec: string, place: Place): ServicePort[] {
  const wrong = (reason: string): Error => invalid(place, `${place.path}: ${reason}`)
  const [, address = '', protocol = 'tcp'] = /^(.*?)(?:\/(\w+))?$/.exec(spec) ?? []
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) throw wrong(`invalid proto: ${protocol}`)
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(address)
  const parts = (bracketed?.[2] ?? address).split(':')
  const inside = range(parts.pop() ?? '')
  const host = parts.pop() ?? ''
  const ip = bracketed?.[1] ?? parts.join(':')
  if (inside === undefined) throw wrong(`invalid containerPort: ${address}`)
  if (ip !== '' && !/^[\da-f.:]+$/i.test(ip)) throw wrong(`invalid IP address: ${ip}`)
  const outside = host === '' ? undefined : range(host)
  if (host !== '' && outside === undefined) throw wrong(`invalid hostPort: ${host}`)
  const count = inside.last - inside.first + 1
  const isChoice = outside !== undefined && count === 1 && outside.last > outside.first
  if (outside !== undefined && !isChoice && outside.last - outside.first + 1 !== count)
    throw wrong(`invalid ranges specified for container and host Ports: ${spec}`)
  return Array.from({ length: count }, (_, index) =>
    port({
      ...(ip !== '' && { host_ip: ip }),
      target: inside.first + index,
      ...(outside !== undefined && { published: isChoice ? host : String(outside.first + index) }),
      protocol,
    }),
  )
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65_536
}

function range(text: string): { readonly first: number; readonly last: number } | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const found = { first: Number(first), last: Number(last) }
  return isPort(found.first) && isPort(found.last) && found.first <= found.last ? found : undefined
}
