import type { Project } from './model/project.ts'
import type { Service } from './model/service.ts'

/** Of the image that the service's containers are made of. */
export function imageName(
  { name: project }: Pick<Project, 'name'>,
  name: string,
  { image }: Service,
): string {
  return image ?? `${project}-${name}`
}

export function containerName(
  { name: project }: Pick<Project, 'name'>,
  name: string,
  { container_name }: Service,
  number: number,
): string {
  return container_name ?? `${project}-${name}-${number}`
}
