import { parseReference } from '../../oci/reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]'],
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  arguments: [2, 2],
  flags,
  async run({ args: [source = '', target = ''] }, context) {
    const { images } = await context.engine()
    try {
      await images.tag(source, target)
    } catch (cause) {
      if (!isMilleError(cause, 'REFERENCE_INVALID')) throw cause
      const wrong = isReference(source) ? target : source
      const reason = `Error parsing reference: "${wrong}" is not a valid repository/tag: ${cause.message}`
      throw failure('CLI_FAILED', { reason }, { cause })
    }
    return 0
  },
})

function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}
