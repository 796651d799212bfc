import { sha256 } from '../../oci/digest.ts'
import { version } from '../../util/version.ts'
import type { FoundPackages } from './find-packages.ts'
import { packageUrl, type Package } from './packages/package.ts'

export const spdxPredicate = 'https://spdx.dev/Document'

/** Characters of an SPDX license expression; other texts are no such and must not stand in its place. */
const expression = /^[A-Za-z0-9.+()-]+( (AND|OR|WITH) [A-Za-z0-9.+()-]+)*$/

/**
 * The packages of one image as an SPDX 2.3 document. Same packages, same bytes: its time is `epoch` (seconds), its
 * namespace follows from the packages. Source: SPDX specification 2.3.
 */
export function spdxDocument({ packages, distribution }: FoundPackages, epoch: number): object {
  const root = { id: 'SPDXRef-DocumentRoot-Image', name: distribution?.id ?? 'image' }
  const listed = packages.map((one) => spdxPackage(one))
  const namespace = sha256(JSON.stringify(listed)).slice('sha256:'.length, 'sha256:'.length + 32)
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: 'sbom',
    documentNamespace: `urn:uuid:${namespace.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`,
    creationInfo: {
      creators: [`Tool: mille-${version}`],
      created: new Date(epoch * 1000).toISOString().replace('.000Z', 'Z'),
    },
    packages: [
      { name: root.name, SPDXID: root.id, ...unknown, primaryPackagePurpose: 'CONTAINER' },
      ...listed,
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: root.id },
      ...listed.map(({ SPDXID }) => ({
        spdxElementId: root.id,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: SPDXID,
      })),
    ],
  }
}

const unknown = {
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  copyrightText: 'NOASSERTION',
} as const

function spdxPackage(one: Package): { readonly SPDXID: string } & Readonly<Record<string, unknown>> {
  const url = packageUrl(one)
  const { name, version, license, supplier, foundIn, type } = one
  const id = `${type}-${name}-${sha256(url).slice(7, 23)}`.replace(/[^A-Za-z0-9.-]/g, '-')
  const isExpression = license !== undefined && expression.test(license)
  return {
    name: one.type === 'npm' && one.namespace !== undefined ? `${one.namespace}/${name}` : name,
    SPDXID: `SPDXRef-Package-${id}`,
    versionInfo: version,
    ...(supplier !== undefined && { supplier: supplierOf(supplier) }),
    ...unknown,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: isExpression ? license : 'NOASSERTION',
    ...(license !== undefined && !isExpression && { licenseComments: license }),
    sourceInfo: `acquired package info from /${foundIn}`,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: url }],
  }
}

/** `Name <mail>` is a person or team, anything else an organization. */
function supplierOf(text: string): string {
  const match = /^(.*?)\s*<([^>]*)>$/.exec(text)
  return match ? `Person: ${match[1]} (${match[2]})` : `Organization: ${text}`
}
