// npm run compare [-- --only CASE]... [--list]: builds the same Dockerfiles with mille and with Docker and compares the
// images: config, history, layers and whole trees. See docs/compare.md.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { allCases } from './cases/all.ts'
import { writeContext, file, type CompareCase } from './compare-case.ts'
import { compareImages, type Difference } from './compare-images.ts'
import { umount } from '../support/umount.ts'
import { base, docker, mille, type Contestant } from './contestants.ts'
import { whyIntended } from './intended.ts'
import { readSavedImage, type SavedImage } from './saved-image.ts'

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, list: { type: 'boolean' } },
})
if (values.list === true) {
  for (const { name } of allCases) process.stdout.write(`${name}\n`)
  process.exit()
}
const unknown = values.only?.find((name) => !allCases.some((one) => one.name === name))
if (unknown !== undefined) throw new Error(`no such case: ${unknown} (--list shows them)`)
const cases = allCases.filter(({ name }) => values.only?.includes(name) ?? true)

// Docker must see it at the same path
const parent = process.env['MILLE_COMPARE_DIR'] ?? tmpdir()
await mkdir(parent, { recursive: true })
const work = await mkdtemp(join(parent, 'mille-compare-'))
const contestants = [mille(join(work, 'store')), docker()] as const
let unintended = 0
try {
  await contestants[0].run(['image', 'bootstrap', 'busybox'])
  await contestants[0].run(['tag', 'busybox', base])
  await contestants[0].save(base, join(work, 'base.tar'))
  await contestants[1].load(join(work, 'base.tar'))
  for (const one of cases) unintended += report(one, await compareCase(one))
  process.stdout.write(`${cases.length} Dockerfiles, ${unintended} differences that nobody intended\n`)
} finally {
  await contestants[1].remove([base, ...cases.flatMap(({ name }) => [imageName(name), firstName(name)])])
  umount(work)
  await rm(work, { recursive: true, force: true })
}
process.exitCode = unintended === 0 ? 0 : 1

async function compareCase(one: CompareCase): Promise<Difference[]> {
  // Docker takes a folder of the same name for the one it knows, with files of the same size and time
  const context = join(work, `${one.name}-${basename(work)}`)
  await writeContext(context, [file('Dockerfile', textFor(one, one.dockerfile)), ...(one.context ?? [])])
  const begun = Math.floor(Date.now() / 1000) - 1
  const images: SavedImage[] = []
  const failures: string[] = []
  for (const contestant of contestants)
    try {
      images.push(await buildImage(contestant, one, context))
    } catch (error) {
      failures.push(`${contestant.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  const [own, other] = images
  if (own === undefined || other === undefined)
    return [{ what: 'build failed', mille: failures.join('\n'), docker: '' }]
  return await compareImages(own, other, begun)
}

async function buildImage(contestant: Contestant, one: CompareCase, context: string): Promise<SavedImage> {
  if (one.first !== undefined) {
    const folder = `${context}-first`
    await writeContext(folder, [file('Dockerfile', textFor(one, one.first))])
    await contestant.build(firstName(one.name), folder, [])
  }
  const options = (one.options ?? []).map((option) => option.replaceAll('CONTEXT', context))
  await contestant.build(imageName(one.name), context, options)
  const archive = join(work, `${one.name}-${contestant.name}.tar`)
  await contestant.save(imageName(one.name), archive)
  return await readSavedImage(archive)
}

function textFor({ name }: CompareCase, text: string): string {
  return text.replaceAll('BASE', base).replaceAll('FIRST', firstName(name))
}

function imageName(name: string): string {
  return `mille-compare-${name}`
}

function firstName(name: string): string {
  return `mille-compare-${name}-first`
}

/** Returns how many were not intended. */
function report({ name }: CompareCase, differences: readonly Difference[]): number {
  const bad = differences.filter(({ what }) => whyIntended(name, what) === undefined)
  process.stdout.write(`${bad.length === 0 ? 'same' : 'DIFFERS'}  ${name}\n`)
  for (const { what, mille: own, docker: other } of differences) {
    const why = whyIntended(name, what)
    if (why !== undefined) process.stdout.write(`    ${what}: intended, ${why}\n`)
    else process.stdout.write(`    ${what}\n        mille:  ${own}\n        docker: ${other}\n`)
  }
  return bad.length
}
