import { invalid, isMapping, listOf, mapOf, listOrOne, type Shape, text } from './shape.ts'

const names = mapOf(listOrOne(text))
const entries = listOf(text)

/** `name=address`, sorted; written with `:` or `=`, or as a mapping whose values may be several addresses. */
export const extraHosts: Shape<readonly string[]> = {
  read(value, place) {
    if (isMapping(value)) {
      const hosts = Object.entries(names.read(value, place))
      return hosts
        .flatMap(([name, addresses]) => addresses.map((address) => `${name}=${bare(address)}`))
        .sort()
    }
    return entries
      .read(value, place)
      .map((entry) => {
        const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(entry) ?? []
        if (name === undefined || address === undefined)
          throw invalid(place, `${place.path}: bad host name '${entry}'`)
        return `${name}=${bare(address)}`
      })
      .sort()
  },
}

/** Without the brackets of an IPv6 address. */
function bare(address: string): string {
  return /^\[(.*)\]$/.exec(address)?.[1] ?? address
}
