import type { PublishedPort } from '../../containers/containers.ts'

interface Row {
  readonly ip: string
  readonly outside: number | undefined
  readonly inside: number
  readonly protocol: string
}

/**
 * The PORTS column: `0.0.0.0:8080->80/tcp, 443/tcp`. Neighbouring ports of one address that are the same inside and
 * outside are joined: `0.0.0.0:80-82->80-82/tcp`; such groups come before single mappings.
 */
export function portsText(published: readonly PublishedPort[], exposed: readonly string[]): string {
  const taken = new Set(published.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`))
  const rows: Row[] = [
    ...published.map(({ hostIp, hostPort, containerPort, protocol }) => ({
      ip: hostIp === '' ? '0.0.0.0' : hostIp,
      outside: hostPort,
      inside: containerPort,
      protocol,
    })),
    ...exposed
      .filter((port) => !taken.has(port))
      .map((port) => {
        const [inside = '', protocol = 'tcp'] = port.split('/')
        return { ip: '', outside: undefined, inside: Number(inside), protocol }
      }),
  ].sort((a, b) => a.inside - b.inside || compare(a.ip, b.ip) || compare(a.protocol, b.protocol))

  const closed: string[] = []
  const open = new Map<string, { readonly row: Row; last: number }>()
  const mappings: string[] = []
  for (const row of rows) {
    if (row.outside !== undefined && row.outside !== row.inside) {
      mappings.push(`${hostText(row.ip)}:${row.outside}->${row.inside}/${row.protocol}`)
      continue
    }
    const key = `${row.ip}/${row.protocol}`
    const group = open.get(key)
    if (group && row.inside === group.last + 1) group.last = row.inside
    else {
      if (group) closed.push(groupText(group.row, group.last))
      open.set(key, { row, last: row.inside })
    }
  }
  return [...closed, ...[...open.values()].map(({ row, last }) => groupText(row, last)), ...mappings].join(
    ', ',
  )
}

function groupText({ ip, inside, protocol }: Row, last: number): string {
  const range = inside === last ? String(inside) : `${inside}-${last}`
  return ip === '' ? `${range}/${protocol}` : `${hostText(ip)}:${range}->${range}/${protocol}`
}

/** An IPv6 address stands in brackets before its port. */
export function hostText(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
