import type { ImageWriter } from '../builder/export/image-writer.ts'
import { composeImage } from '../images/compose-image.ts'
import { layersInForm } from '../images/layer-forms.ts'
import { archiveComposed, pushComposed } from '../images/bring-image.ts'
import type { OpenRepository } from '../images/repositories.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Store } from '../store/store.ts'

/** What the builder needs to bring its results anywhere. */
export function createImageWriter(store: Store, openRepository: OpenRepository): ImageWriter {
  return {
    compose: (images, form, lease, options) => composeImage(store, images, form, lease, options),
    encode: async (diffId, compression, options) => {
      const layers = await layersInForm(store, [diffId], {
        ...options,
        compression,
        mediaTypes: 'oci',
        bases: [],
      })
      return layers[0] as Descriptor
    },
    push: (image, name, options) => pushComposed(store, openRepository, image, name, options),
    archive: (image, names, layout, destination, options) =>
      archiveComposed(store, image, names, layout, destination, options),
  }
}
