import type { Reference } from '../oci/reference.ts'
import type { Repository } from '../registry/repository.ts'

/** How `images` reaches registries: with the user's credentials and insecure list, chosen by the engine. */
export type OpenRepository = (reference: Reference) => Promise<Repository>
