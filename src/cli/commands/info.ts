import { toSystemInfo } from '../../api/convert/system-info.ts'
import type { EngineInfo } from '../../engine/engine.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { goJson } from '../format/go-value.ts'
import { compileTemplate } from '../format/render-template.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Display system-wide information',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const info = await (await context.engine()).info()
    const { io } = context
    if (flags.format === undefined) {
      io.stdout.write(infoText(info))
      io.stderr.write(info.warnings.map((warning) => `WARNING: ${warning}\n`).join(''))
    } else if (flags.format === 'json') io.stdout.write(`${goJson(toSystemInfo(info))}\n`)
    else io.stdout.write(`${compileTemplate(flags.format)(toSystemInfo(info))}\n`)
    return 0
  },
})

function infoText(info: EngineInfo): string {
  const { containers } = info
  const total = containers.running + containers.paused + containers.stopped
  const because = (reason: string | undefined): string =>
    reason === undefined ? '' : `\n  Reason: ${reason}`
  return `Client:
 Version:    ${info.version}
 Context:    default
 Debug Mode: false

Server:
 Containers: ${total}
  Running: ${containers.running}
  Paused: ${containers.paused}
  Stopped: ${containers.stopped}
 Images: ${info.images}
 Server Version: ${info.version}
 Storage Driver: ${info.snapshotter}${because(info.snapshotterReason)}
 Logging Driver: json-file
 Cgroup Version: ${info.cgroups}
 Plugins:
  Volume: local
  Network: bridge host none
  Log: json-file
 Isolation: ${info.isolation}${because(info.isolationReason)}
 Runtimes: ${info.runtime}
 Default Runtime: ${info.runtime}
 ${info.runtime} version: ${info.runtimeVersion}
 Kernel Version: ${info.kernel}
 Operating System: ${info.operatingSystem}
 OSType: linux
 Architecture: ${info.architecture}
 CPUs: ${info.cpus}
 Total Memory: ${binarySize(info.memory)}
 Name: ${info.hostname}
 Docker Root Dir: ${info.root}
`
}

function binarySize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = Math.min(Math.trunc(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1)
  return `${Number((bytes / 1024 ** unit).toPrecision(4))}${units[unit]}`
}
