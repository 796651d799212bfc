/** What is to be stated about the images of a build. */
export interface AttestationRequest {
  readonly provenance?: ProvenanceRequest
  /** The packages in the result (SBOM). */
  readonly sbom?: boolean
}

export interface ProvenanceRequest {
  /** `max` also names build arguments, steps, secrets by ID, and holds the Dockerfile. */
  readonly mode: 'min' | 'max'
  /** An URL that says who built. */
  readonly builderId?: string
  /** The user says that the build gives the same bytes again. */
  readonly reproducible?: boolean
}

/** A predicate about one image, as it goes into an in-toto statement. */
export interface Predicate {
  readonly predicateType: string
  /** What it is called where it stands beside files. */
  readonly fileName: string
  readonly predicate: object
}
