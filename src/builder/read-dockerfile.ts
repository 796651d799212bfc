import type { Dockerfile } from '../dockerfile/ast.ts'
import { parseDockerfile } from '../dockerfile/parser.ts'
import type { BuildRequest } from './build.ts'
import type { OpenedContext } from './context/open-context.ts'

/**
 * Parses the Dockerfile of a context; build arguments that steer the parser win over its directives (B24). Its findings are
 * complete only after `recheck`.
 */
export function readDockerfile(
  { source, fileName }: Pick<OpenedContext, 'source' | 'fileName'>,
  { buildArgs }: Pick<BuildRequest, 'buildArgs'>,
): Dockerfile {
  const { BUILDKIT_SYNTAX: syntax, BUILDKIT_DOCKERFILE_CHECK: check } = buildArgs
  return parseDockerfile(source, {
    fileName,
    factsFollow: true,
    ...(syntax === undefined ? {} : { syntax }),
    ...(check === undefined ? {} : { check }),
  })
}
