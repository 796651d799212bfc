import { containerErrors } from './container-errors.ts'

const otherErrors = {
  // general
  CANCELED: ['canceled', 'canceled'],
  INTERNAL: ['internal', 'internal error: {reason}'],
  INVALID_ARGUMENT: ['invalid-argument', '{reason}'],
  JSON_INVALID: ['invalid-argument', 'invalid JSON: {reason}'],
  JSON_TOO_LARGE: ['invalid-argument', 'JSON document is larger than {limit} bytes'],
  NOT_IMPLEMENTED: ['not-implemented', '{feature} is not implemented yet'],
  PROGRAM_FAILED: ['internal', '{program} failed: {reason}'],
  PROGRAM_MISSING: ['unavailable', '{program} is not on this machine: install the Debian package {package}'],
  ROOTLESS_UNAVAILABLE: ['unavailable', 'mille cannot work for an ordinary user here: {reason}; {advice}'],
  SERVE_FILE_INVALID: ['invalid-argument', '{path}: {reason}'],

  // compose: files, projects
  COMPOSE_ENV_FILE: ['invalid-argument', 'failed to read {file}: line {line}: {reason}'],
  COMPOSE_FAILED: ['invalid-argument', '{reason}'],
  COMPOSE_FILE_UNREADABLE: ['invalid-argument', 'open {path}: {reason}'],
  COMPOSE_INVALID: ['invalid-argument', 'validating {file}: {reason}'],
  COMPOSE_NO_FILE: ['not-found', 'no configuration file provided: not found'],
  COMPOSE_NO_SERVICE: ['not-found', 'no such service: {name}{hint}'],
  COMPOSE_PROJECT_INVALID: ['invalid-argument', '{reason}: invalid compose project'],
  COMPOSE_UNSUPPORTED: ['not-implemented', '{what} is not supported by mille: {reason}'],
  COMPOSE_YAML: ['invalid-argument', 'yaml: {file}: {reason}'],

  // linux: system calls
  NO_SPACE: ['unavailable', '{call} {path}: {reason}'],
  PATH_BUSY: ['conflict', '{call} {path}: device or resource busy'],
  PATH_CROSSES_DEVICE: ['invalid-argument', '{call} {path}: crosses a mount or leaves its root'],
  PATH_EXISTS: ['conflict', '{call} {path}: file exists'],
  PATH_IS_DIRECTORY: ['invalid-argument', '{call} {path}: is a directory'],
  PATH_LOOP: ['invalid-argument', '{call} {path}: too many levels of symbolic links'],
  PATH_NOT_DIRECTORY: ['invalid-argument', '{call} {path}: not a directory'],
  PATH_NOT_EMPTY: ['conflict', '{call} {path}: directory not empty'],
  PATH_NOT_FOUND: ['not-found', '{call} {path}: no such file or directory'],
  PATH_PERMISSION: ['permission-denied', '{call} {path}: {reason}'],
  PATH_TOO_LONG: ['invalid-argument', '{call} {path}: file name too long'],
  READ_ONLY_FILE_SYSTEM: ['unavailable', '{call} {path}: read-only file system'],
  SYSTEM_CALL_FAILED: ['internal', '{call} {path}: {reason}'],
  TOO_MANY_OPEN_FILES: ['unavailable', '{call} {path}: {reason}'],

  // store: content, metadata, locks
  AMBIGUOUS_ID: ['invalid-argument', 'ambiguous ID prefix "{prefix}": it matches {matches}'],
  BLOB_DAMAGED: ['data-loss', 'blob {digest} is damaged ({reason}); it was moved to quarantine'],
  BLOB_TOO_LARGE: ['invalid-argument', 'blob {digest} has {size} bytes, the limit here is {limit}'],
  IMAGE_INCOMPLETE: ['data-loss', 'image {id} is incomplete: {what} is not in the store'],
  NAME_IN_USE: ['conflict', 'the name "{name}" is already in use by {kind} {id}'],
  SQLITE_TOO_OLD: [
    'unavailable',
    'this Node has SQLite {found}, mille needs {needed} or later (earlier ones can damage a database that several processes use)',
  ],
  STORE_BUSY: ['unavailable', 'the store at {root} stayed busy for {seconds} s: try again'],
  STORE_DAMAGED: [
    'data-loss',
    'the store at {root} is damaged: {reason}; nothing was changed. Restore that file from a copy, or move the folder away and begin anew',
  ],
  STORE_LOCK_TIMEOUT: ['unavailable', 'waited {seconds} s for the lock "{name}", which {holder} holds'],
  STORE_ROOT_UNUSABLE: [
    'unavailable',
    'no store can be opened at {root}: {reason}; choose another folder with --root or MILLE_ROOT',
  ],
  STORE_TOO_NEW: [
    'unavailable',
    'the store at {root} has format {found}; this mille {version} knows formats up to {known}: use the newer mille',
  ],

  // store: layers
  CONTEXT_CHANGED: ['conflict', 'changed while reading: {path}'],
  DIFFID_MISMATCH: [
    'data-loss',
    'layer {digest} does not hold what its image says: expected diff ID {expected}, got {found}',
  ],
  LAYER_DEVICE_INVALID: ['invalid-argument', 'layer entry {path}: device number {device} is not allowed'],
  LAYER_LIMIT: ['invalid-argument', 'layer: {what} is {found}, the limit is {limit}'],
  LAYER_LINK_TARGET: ['invalid-argument', 'layer entry {path}: link target "{target}" is not allowed'],
  LAYER_NOT_FOUND: ['not-found', 'layer {diffId} not found'],
  LAYER_OWNER_RANGE: ['invalid-argument', 'layer entry {path}: owner {owner} is out of range'],
  LAYER_PATH_ESCAPE: ['invalid-argument', 'layer entry {path}: leaves the root'],
  LAYER_PATH_INVALID: ['invalid-argument', 'layer entry {path}: {reason}'],
  LAYER_PATH_NOT_DIRECTORY: ['invalid-argument', 'layer entry {path}: a parent of it is no directory'],
  LAYER_PATH_TOO_LONG: ['invalid-argument', 'layer entry {path}: longer than {limit} bytes'],
  LAYER_ROOT_TYPE: ['invalid-argument', 'layer: the root entry is a {type}, not a directory'],
  LAYER_SYMLINK_LOOP: ['invalid-argument', 'layer entry {path}: too many levels of symbolic links'],
  LAYER_WHITEOUT_INVALID: ['invalid-argument', 'layer entry {path}: not a valid whiteout'],

  // tar: bytes of layers
  COMPRESSION_CORRUPT: ['data-loss', '{format} data is damaged: {reason}'],
  COMPRESSION_NESTED: ['invalid-argument', '{format} data holds {inner} data again: compressed twice'],
  COMPRESSION_TRAILING: [
    'data-loss',
    '{format} data is followed by {bytes} or more bytes that belong to nothing',
  ],
  COMPRESSION_TRUNCATED: ['data-loss', '{format} data ends early, after {bytes} bytes'],
  COMPRESSION_UNSUPPORTED: ['invalid-argument', 'compression {format} is not supported here'],
  LAYER_TAR_MALFORMED: ['invalid-argument', 'layer: malformed tar at byte {offset}: {reason}'],
  LAYER_TAR_TRUNCATED: ['data-loss', 'layer: the tar ends early, at byte {offset}'],

  // store: snapshots
  CHAIN_NOT_FOUND: ['not-found', 'layer stack {chain} not found'],
  SNAPSHOTTER_UNUSABLE: ['unavailable', 'snapshotter {kind} cannot be used here: {reason}'],
  SNAPSHOT_EXISTS: ['conflict', 'snapshot {key} exists'],
  SNAPSHOT_NOT_FOUND: ['not-found', 'snapshot {key} not found'],

  // oci: names and documents
  DIGEST_INVALID: ['invalid-argument', 'invalid digest "{text}": needs sha256: and 64 lower-case hex digits'],
  MANIFEST_AMBIGUOUS: ['invalid-argument', 'ambiguous manifest: {reason}'],
  MANIFEST_INVALID: ['invalid-argument', 'invalid manifest: {reason}'],
  MANIFEST_TOO_LARGE: ['invalid-argument', 'manifest of {size} bytes: at most {limit} are accepted'],
  MEDIA_TYPE_UNSUPPORTED: ['invalid-argument', 'unsupported media type "{mediaType}"'],
  NOT_AN_IMAGE: ['invalid-argument', 'not a container image: {reason}'],
  PLATFORM_INVALID: ['invalid-argument', '"{text}": unknown operating system or architecture'],
  PLATFORM_NOT_FOUND: [
    'not-found',
    'no matching manifest for {platform} in the manifest list entries; it has {offered}',
  ],
  REFERENCE_INVALID: ['invalid-argument', 'invalid reference format: {reason}'],
  TOO_MANY_LAYERS: ['invalid-argument', 'image has {layers} layers: at most {limit} are accepted'],

  // oci: content
  BLOB_DIGEST_MISMATCH: ['data-loss', 'digest mismatch: expected {expected}, got {found}'],
  BLOB_NOT_FOUND: ['not-found', 'blob {digest} not found'],
  BLOB_SIZE_MISMATCH: ['data-loss', 'size mismatch of {digest}: expected {expected} bytes, got {found}'],

  // builder
  ADD_FAILED: ['invalid-argument', '{text}'],
  BASE_IMAGE_NOT_FOUND: ['not-found', '{text}'],
  BASE_IMAGE_UNAVAILABLE: ['unavailable', '{text}'],
  BUILD_CONTEXT_CHANGED: [
    'conflict',
    '{path} changed while it was read: build again when nothing writes to it',
  ],
  BUILD_CONTEXT_INVALID: ['invalid-argument', 'build context: {reason}'],
  BUILD_CONTEXT_NOT_FOLDER: [
    'invalid-argument',
    'build context {path} is a file: use -f to name a Dockerfile',
  ],
  BUILD_CONTEXT_NOT_FOUND: ['not-found', 'build context {path}: {reason}'],
  CACHE_INVALID: ['invalid-argument', 'not a build cache of mille: {reason}'],
  COPY_FAILED: ['invalid-argument', '{text}'],
  DOCKERFILE_NOT_FOUND: ['not-found', 'failed to read Dockerfile: {reason}'],
  DOCKERFILE_WARNINGS: ['invalid-argument', 'lint violation found for rules: {rules}'],
  FAILED_STEP_BUSY: ['conflict', 'failed step {id} is open already: {holder} works on its files'],
  GIT_COMMIT_MISMATCH: ['invalid-argument', 'git {url}: expected commit {wanted}, got {found}'],
  GIT_FAILED: ['unavailable', 'git {url}: {reason}'],
  GIT_REF_NOT_FOUND: ['not-found', 'git {url}: no branch, tag or commit "{ref}"{hint}'],
  IMAGE_OVER_BUDGET: ['invalid-argument', '{text}'],
  LOCK_DRIFT: ['conflict', '{what} is locked to {locked}, but {found}'],
  LOCK_INCOMPLETE: ['conflict', '{name} is not in {file}: bring it up to date with mille lock update'],
  LOCK_INVALID: ['invalid-argument', '{file} cannot be used: {reason}'],
  LOCK_NOT_FOUND: ['not-found', 'there is no {file}: write it with mille lock update'],
  NO_FAILED_STEP: ['not-found', '{what}: a RUN that fails is kept until its Dockerfile is built again'],
  OFFLINE: ['unavailable', 'the build is offline, and {what} is not here: {hint}'],
  PLATFORM_NOT_RUNNABLE: ['unavailable', '{text}'],
  SSH_AGENT_UNREACHABLE: ['unavailable', 'cannot reach the ssh agent at {path}: {reason}'],
  SSH_KEY_INVALID: ['invalid-argument', 'ssh key {name}: {reason}'],
  STEP_FAILED: ['invalid-argument', '{text}'],
  URL_FAILED: ['unavailable', '{url}: {reason}'],

  // images
  ARCHIVE_EMPTY: ['invalid-argument', 'the archive is empty'],
  ARCHIVE_INVALID: ['invalid-argument', 'not an image archive: {reason}'],
  ARCHIVE_PATH: ['invalid-argument', 'member "{path}" of the archive leaves the archive'],
  ARTIFACT_INVALID: ['invalid-argument', 'artifact: {reason}'],
  BOOTSTRAP_FAILED: ['internal', 'mmdebstrap could not make {suite}:\n{reason}'],
  BOOTSTRAP_UNKNOWN: [
    'invalid-argument',
    'no recipe for a base image "{name}": there are busybox, debian:SUITE and ubuntu:SUITE',
  ],
  CHANGE_INVALID: ['invalid-argument', 'invalid change "{change}": {reason}'],
  CHANGE_NOT_ALLOWED: ['invalid-argument', '{instruction} is not a valid change command'],
  IMAGE_HAS_CHILDREN: [
    'conflict',
    'conflict: unable to delete {image} (cannot be forced) - image has dependent child images',
  ],
  IMAGE_IN_MANY_REPOSITORIES: [
    'conflict',
    'conflict: unable to delete {image} (must be forced) - image is referenced in multiple repositories',
  ],
  IMAGE_IN_USE_RUNNING: [
    'conflict',
    'conflict: unable to delete {image} (cannot be forced) - image is being used by running container {container}',
  ],
  IMAGE_IN_USE_STOPPED: [
    'conflict',
    'conflict: unable to delete {image} (must be forced) - image is being used by stopped container {container}',
  ],
  IMAGE_NAME_IN_USE: [
    'conflict',
    'conflict: unable to remove repository reference "{name}" (must force) - container {container} is using its referenced image {image}',
  ],
  IMAGE_PLATFORMS_TOGETHER: [
    'conflict',
    'image with reference {reference} is one index of {platforms}: its platforms are kept or removed together',
  ],
  IMAGE_PLATFORM_MISSING: [
    'not-found',
    'image with reference {reference} was found but does not provide the specified platform ({platform})',
  ],
  LAYOUT_INVALID: ['invalid-argument', 'OCI layout {path}: {reason}'],
  MANIFEST_DRAFT_EXISTS: ['conflict', 'refusing to amend an existing manifest list with no --amend flag'],
  MANIFEST_IS_LIST: ['invalid-argument', '{name} is a manifest list'],
  MANIFEST_PLATFORM: [
    'invalid-argument',
    'manifest entry for image has unsupported os/arch combination: {platform}',
  ],
  NOT_AN_ARTIFACT: ['invalid-argument', '{name} is a list of images: name one of them by its digest'],
  NOT_A_BASE: ['invalid-argument', '{image} is not built on {base}'],
  NOT_LOCALLY_TAGGED: ['not-found', 'An image does not exist locally with the tag: {name}'],
  NO_SUCH_IMAGE: ['not-found', 'No such image: {reference}'],
  NO_SUCH_MANIFEST: ['not-found', 'No such manifest: {name}'],
  PUSH_BY_DIGEST: ['invalid-argument', 'cannot push a digest reference: name a tag'],
  SIGNATURE_POLICY_INVALID: ['invalid-argument', '{path}: {reason}'],
  SIGNATURE_REFUSED: ['permission-denied', '{name} is refused by {path}: {reason}'],
  TAG_AMBIGUOUS: ['invalid-argument', 'refusing to create an ambiguous tag using digest algorithm as name'],
  TAG_BY_DIGEST: ['invalid-argument', 'refusing to create a tag with a digest reference'],

  // registry: client, logins, server
  CACHE_PLACE_DENIED: ['permission-denied', '{place}: access denied ({reason})'],
  CACHE_PLACE_FAILED: ['unavailable', '{place}: {reason}'],
  CERTIFICATE_INVALID: ['invalid-argument', 'certificate {path}: {reason}'],
  CREDENTIALS_FILE_INVALID: ['invalid-argument', '{path}: {reason}'],
  CREDENTIAL_HELPER_FAILED: ['unavailable', 'credential helper {helper}: {reason}'],
  LOGIN_REFUSED: [
    'unauthenticated',
    'Get "https://{host}/v2/": unauthorized: incorrect username or password',
  ],
  MANIFEST_UNKNOWN: ['not-found', 'manifest for {name} not found: manifest unknown{hint}'],
  REGISTRIES_FILE_INVALID: ['invalid-argument', '{path}: {reason}'],
  REGISTRY_ANSWER_INVALID: ['unavailable', '{host} does not answer like a registry: {reason}'],
  REGISTRY_BLOB_UNKNOWN: ['conflict', '{host}: {repository} lacks a part of the manifest: {reason}'],
  REGISTRY_BLOCKED: [
    'permission-denied',
    'registry {registry} is blocked for {repository}: only its mirrors may be asked{reason}',
  ],
  REGISTRY_DENIED: [
    'permission-denied',
    'denied: requested access to the resource is denied: {repository} on {host} ({hint})',
  ],
  REGISTRY_FAILED: [
    'unavailable',
    '{host}: {repository}: the registry failed with status {status}: {reason}',
  ],
  REGISTRY_RATE_LIMITED: ['unavailable', 'rate limited by {host}, retry after {seconds} s: {reason}'],
  REGISTRY_REDIRECT_REFUSED: ['permission-denied', '{host}: redirect to {target} refused: {reason}'],
  REGISTRY_REFUSED: ['invalid-argument', '{host}: {repository}: status {status}: {reason}'],
  REGISTRY_REPOSITORY_UNKNOWN: ['not-found', '{host}: repository {repository} not found: {reason}'],
  REGISTRY_TOKEN_REFUSED: ['permission-denied', '{host}: token service {realm} refused: {reason}'],
  REGISTRY_UNAUTHORIZED: [
    'unauthenticated',
    'unauthorized: authentication required for {repository} on {host} ({hint})',
  ],
  REGISTRY_UNREACHABLE: ['unavailable', 'cannot reach registry {host}: {reason}'],
  REGISTRY_UPLOAD_LOST: ['unavailable', '{host}: {repository}: upload of {digest} was cut: {reason}'],

  // registry server: what its requests are refused with
  BLOB_UNKNOWN: ['not-found', 'blob {digest} unknown to repository {repository}'],
  BLOB_UPLOAD_UNKNOWN: ['not-found', 'upload {id} unknown to this registry'],
  DESCRIPTION_TOO_LONG: ['invalid-argument', 'a description has at most {limit} bytes'],
  HTPASSWD_INVALID: [
    'invalid-argument',
    '{path}:{line}: not "user:" and a bcrypt hash (make it with: htpasswd -B)',
  ],
  MANIFEST_BLOB_UNKNOWN: [
    'invalid-argument',
    'the manifest names {digest}, which {repository} does not hold',
  ],
  PAGINATION_NUMBER_INVALID: ['invalid-argument', 'n is "{text}": a number from 0 on is needed'],
  REGISTRY_ACCESS_DENIED: ['permission-denied', 'requested access to the resource is denied: {repository}'],
  REGISTRY_BUCKET_FAILED: ['unavailable', 'bucket {bucket}: {reason}'],
  REGISTRY_CONFIG_INVALID: ['invalid-argument', '{path}:{line}: {reason}'],
  REGISTRY_CONTROL_FAILED: ['unavailable', 'the registry that serves {root} did not do it: {reason}'],
  REGISTRY_KEY_UNUSABLE: ['invalid-argument', 'the signing key {path} cannot be used: {reason}'],
  REGISTRY_LOGIN_REQUIRED: ['unauthenticated', 'authentication required'],
  REGISTRY_METHOD_UNSUPPORTED: ['not-implemented', '{method} is not supported here{reason}'],
  REGISTRY_NAME_INVALID: ['invalid-argument', 'invalid name "{name}"'],
  REGISTRY_NAME_UNKNOWN: ['not-found', 'repository {repository} unknown to this registry'],
  REGISTRY_NO_ENDPOINT: ['not-found', 'no such endpoint'],
  REGISTRY_ROOT_BUSY: ['conflict', 'another registry serves {root}{holder}'],
  REGISTRY_TOO_MANY_LOGINS: ['unavailable', 'too many logins are being checked: try again'],
  REGISTRY_TOO_MANY_TAGS: ['invalid-argument', 'at most {limit} tags in one push, not {found}'],
  SIZE_INVALID: ['invalid-argument', 'expected {expected} bytes, got {found}'],
  TAG_IMMUTABLE: ['permission-denied', 'tag {tag} of {repository} is there already, and you may not move it'],
  TLS_CERTIFICATE_INVALID: ['invalid-argument', '{path}: no certificate or key that can be used: {reason}'],
  TOO_MANY_UPLOADS: ['unavailable', 'too many uploads are open (limit {limit}): finish or delete some'],
  UPLOAD_DIGEST_MISMATCH: [
    'invalid-argument',
    'the uploaded bytes are {found}, not {expected}; they were dropped',
  ],
  UPLOAD_RANGE: ['invalid-argument', 'the chunk does not start at {offset}, where the upload stands'],
  UPLOAD_RANGE_MALFORMED: ['invalid-argument', 'malformed Content-Range "{text}": start-end is needed'],

  // dockerfile
  DOCKERFILE_FLAG_UNSUPPORTED: ['not-implemented', '{text}'],
  DOCKERFILE_INVALID: ['invalid-argument', '{text}'],
  DOCKERFILE_LIMIT: ['invalid-argument', '{reason}'],
  DOCKERFILE_TARGET_NOT_FOUND: ['not-found', 'no stage "{target}" in {file}{hint}'],
  DOCKERFILE_VARIABLE: ['invalid-argument', '{reason}'],
  IGNORE_PATTERN_INVALID: ['invalid-argument', '{file}:{line}: invalid pattern "{pattern}": {reason}'],

  // cli: what is wrong with a command line; shown without a prefix
  CLI_ARGUMENT_COUNT: ['usage', "mille: '{command}' {wants}"],
  CLI_COMMAND_UNKNOWN: ['usage', 'mille: unknown command: {command}{hint}'],
  CLI_FAILED: ['invalid-argument', '{reason}'],
  CLI_FLAG_INVALID: ['usage', 'invalid argument "{value}" for "{flag}" flag: {reason}'],
  CLI_FLAG_NEEDS_VALUE: ['usage', 'flag needs an argument: {flag}'],
  CLI_FLAG_UNKNOWN: ['usage', 'unknown flag: {flag}{hint}'],
  CLI_OPEN_FILE: ['invalid-argument', 'open {path}: {reason}'],
  CLI_SHORT_FLAG_UNKNOWN: ['usage', "unknown shorthand flag: '{letter}' in {word}"],
  CLI_TEMPLATE: ['invalid-argument', 'template parsing error: {reason}'],

  // api
  API_PAGE_NOT_FOUND: ['not-found', 'page not found'],
  API_REQUEST_REFUSED: ['permission-denied', '{reason}'],
  API_VERSION_UNSUPPORTED: ['invalid-argument', 'client version {version} is too {reason}'],
  EXEC_ALREADY_RUN: ['conflict', 'exec command {id} has already run'],
  NO_SUCH_EXEC: ['not-found', 'No such exec instance: {id}'],
  SOCKET_IN_USE: ['conflict', '{path} is in use: another server listens there, or it is no socket'],
  SOCKET_UNSAFE: ['invalid-argument', 'no socket is made in {folder}: {reason}; choose another folder'],
} as const

/**
 * Every error code of mille: its kind and its message. `{name}` is filled by `failure(code, { name })`.
 * Codes are stable: a retired one is never used again for something else. Keep each section sorted by code.
 */
export const errorTable: typeof otherErrors & typeof containerErrors = {
  ...otherErrors,
  ...containerErrors,
}
