import type { Annotation, AnnotationPlace } from '../../oci/image-form.ts'
import { parsePlatform } from '../../oci/platform.ts'

const places: readonly AnnotationPlace[] = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor']

/**
 * `[PLACE[PLATFORM][,PLACE…]:]KEY`, as buildx takes it: where the annotation goes, the manifest when nothing is said.
 * Plain Error with the reason.
 */
export function parseAnnotationKey(text: string): Omit<Annotation, 'value'>[] {
  const match = /^((?:[a-z-]+(?:\[[^\]]*\])?)(?:,[a-z-]+(?:\[[^\]]*\])?)*):(.+)$/.exec(text)
  if (match === null) return [{ place: 'manifest', key: nonEmpty(text) }]
  const [, list = '', key = ''] = match
  return list.split(',').map((one) => {
    const [, name, platform] = /^([a-z-]+)(?:\[([^\]]*)\])?$/.exec(one) ?? []
    const place = places.find((known) => known === name)
    if (place === undefined)
      throw new Error(`unknown annotation type "${name}": there are ${places.join(', ')}`)
    return { place, key: nonEmpty(key), ...(platform ? { platform: parsePlatform(platform) } : {}) }
  })
}

/** As `parseAnnotationKey`, with `=VALUE` behind it. */
export function parseAnnotation(text: string): Annotation[] {
  const equals = text.indexOf('=')
  if (equals < 0) throw new Error(`invalid annotation "${text}": expected key=value`)
  const value = text.slice(equals + 1)
  return parseAnnotationKey(text.slice(0, equals)).map((target) => ({ ...target, value }))
}

function nonEmpty(key: string): string {
  if (key === '') throw new Error('the key of an annotation is empty')
  return key
}
