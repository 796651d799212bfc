import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Contents } from './contents.ts'

export const manyFilesCount = 20_000
const meanSize = 10_000
const filesInFolder = 40

/** A build context like a folder of npm packages: 20,000 files, 200 MB, in 500 folders, and a Dockerfile that copies them. */
export function makeManyFiles(folder: string): void {
  const contents = new Contents(20_000)
  for (let index = 0; index < manyFilesCount; index++) {
    const inner = join(folder, 'app', `package-${Math.floor(index / filesInFolder)}`, 'lib')
    if (index % filesInFolder === 0) mkdirSync(inner, { recursive: true })
    writeFileSync(join(inner, `module-${index}.js`), contents.bytes(contents.size(meanSize)))
  }
  writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nWORKDIR /app\nCOPY app .\nCMD ["ls", "/app"]\n')
}
