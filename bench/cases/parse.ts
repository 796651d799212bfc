import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchCase, Contestant } from '../case.ts'
import { millePath } from '../contestants.ts'
import { run, statistics } from '../measure.ts'
import { baseImage, type Workloads } from '../workloads/workloads.ts'

const stages = 12
const perStage = 16

/** 204 instructions in 12 stages, each built on or copying from the one before; no check finds anything. */
function largeDockerfile(): string {
  const lines: string[] = []
  for (let stage = 0; stage < stages; stage++) {
    lines.push(`FROM ${stage % 3 === 0 ? baseImage : `stage${stage - 1}`} AS stage${stage}`)
    if (stage % 3 === 0 && stage > 0) lines.push(`COPY --from=stage${stage - 1} /app /app`)
    else lines.push(`WORKDIR /app/${stage}`)
    for (let index = 1; index < perStage; index += 5)
      lines.push(
        `ARG VERSION_${index}=1.${index}`,
        `ENV NAME_${index}=value PATH_${index}=\${VERSION_${index}:-none}/x`,
        `COPY src/part-${index} ./part-${index}/`,
        `RUN --mount=type=cache,target=/cache make part-${index} && echo "$NAME_${index}" > /app/${index}`,
        `LABEL part.${index}="\${NAME_${index}}"`,
      )
  }
  return `${lines.join('\n')}\n`
}

async function context(work: Workloads, contestant: Contestant): Promise<string> {
  await work.loadBase(contestant)
  const folder = await work.context('parse', largeDockerfile())
  await writeFile(join(folder, 'One'), `FROM ${baseImage}\n`)
  return folder
}

/** A whole process with its code cache; parsing again in a process that did so before takes 2 ms. */
export const parse: BenchCase = {
  name: 'parse',
  title: 'build --check, 204 instructions in 12 stages',
  target: { above: 0.02 },
  runs: 15,
  async floor(work) {
    const mille = millePath(work.folder)
    const folder = await context(work, mille)
    const command = mille.command('build', '--check', '-f', join(folder, 'One'), folder)
    const times: number[] = []
    for (let round = 0; round < 15; round++) times.push((await run(command)).seconds)
    return { what: 'the same of a Dockerfile with one instruction', seconds: statistics(times).median }
  },
  prepare: async (work, contestant) => void (await context(work, contestant)),
  command: async (work, { command }) => command('build', '--check', join(work.folder, 'parse')),
}
