import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { version } from '../../util/version.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
}

const apiVersion = '1.51'
const leastApiVersion = '1.24'
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Show the version information',
  arguments: [0, 0],
  isStoreless: true,
  flags,
  async run({ flags }, { io }) {
    const os = process.platform
    const architecture = architectures[process.arch] ?? process.arch
    if (flags.format === undefined) {
      io.stdout.write(versionText(`${os}/${architecture}`))
      return 0
    }
    const common = { Version: version, NodeVersion: process.version, Os: os, Arch: architecture }
    const value = {
      Client: { ...common, ApiVersion: apiVersion, DefaultAPIVersion: apiVersion, Context: 'default' },
      Server: {
        Platform: { Name: 'mille' },
        ...common,
        ApiVersion: apiVersion,
        MinAPIVersion: leastApiVersion,
      },
    }
    if (flags.format === 'json') io.stdout.write(`${JSON.stringify(value)}\n`)
    else {
      const { compileTemplate } = await import('../format/render-template.ts')
      io.stdout.write(`${compileTemplate(flags.format)(value)}\n`)
    }
    return 0
  },
})

/** Client and server are one process; both are shown, because scripts ask for either. */
function versionText(platform: string): string {
  return `Client:
 Version:           ${version}
 API version:       ${apiVersion}
 Node version:      ${process.version}
 OS/Arch:           ${platform}
 Context:           default

Server: mille
 Engine:
  Version:          ${version}
  API version:      ${apiVersion} (minimum version ${leastApiVersion})
  Node version:     ${process.version}
  OS/Arch:          ${platform}
  Experimental:     false
`
}
