import type { AnyCommand } from './command.ts'
import { composeGroup } from './compose/compose-group.ts'
import type { FlagTable } from './flags/flag.ts'
import { artifactGroup, manifestGroup } from './registry-groups.ts'

export interface CommandEntry {
  readonly summary: string
  /** A second name, or not for people: not shown in the list. */
  readonly alias?: boolean
  /** Loads the one module of the command; nothing else is loaded before. */
  readonly load: () => Promise<AnyCommand>
}

export interface CommandGroup {
  readonly summary: string
  readonly alias?: boolean
  /** May stand between the group's name and the command's. */
  readonly flags?: FlagTable
  readonly members: Readonly<Record<string, CommandEntry | CommandGroup>>
}

const loadAttach = async (): Promise<AnyCommand> => (await import('./commands/attach.ts')).command
const loadBootstrap = async (): Promise<AnyCommand> => (await import('./commands/bootstrap.ts')).command
const loadBuild = async (): Promise<AnyCommand> => (await import('./commands/build.ts')).command
const loadBuilderDu = async (): Promise<AnyCommand> => (await import('./commands/builder-du.ts')).command
const loadBuilderPrune = async (): Promise<AnyCommand> =>
  (await import('./commands/builder-prune.ts')).command
const loadCheck = async (): Promise<AnyCommand> => (await import('./commands/check.ts')).command
const loadCommit = async (): Promise<AnyCommand> => (await import('./commands/commit.ts')).command
const loadContainerInspect = async (): Promise<AnyCommand> =>
  (await import('./commands/container-inspect.ts')).command
const loadContainerLs = async (): Promise<AnyCommand> => (await import('./commands/container-ls.ts')).command
const loadContainerPrune = async (): Promise<AnyCommand> =>
  (await import('./commands/container-prune.ts')).command
const loadCopy = async (): Promise<AnyCommand> => (await import('./commands/copy.ts')).command
const loadCp = async (): Promise<AnyCommand> => (await import('./commands/cp.ts')).command
const loadCreate = async (): Promise<AnyCommand> => (await import('./commands/create.ts')).command
const loadDebug = async (): Promise<AnyCommand> => (await import('./commands/debug.ts')).command
const loadDiff = async (): Promise<AnyCommand> => (await import('./commands/diff.ts')).command
const loadEvents = async (): Promise<AnyCommand> => (await import('./commands/events.ts')).command
const loadExec = async (): Promise<AnyCommand> => (await import('./commands/exec.ts')).command
const loadExport = async (): Promise<AnyCommand> => (await import('./commands/export.ts')).command
const loadHealth = async (): Promise<AnyCommand> => (await import('./commands/health.ts')).command
const loadHistory = async (): Promise<AnyCommand> => (await import('./commands/history.ts')).command
const loadImageEdit = async (): Promise<AnyCommand> => (await import('./commands/image-edit.ts')).command
const loadImageInspect = async (): Promise<AnyCommand> =>
  (await import('./commands/image-inspect.ts')).command
const loadImageLs = async (): Promise<AnyCommand> => (await import('./commands/image-ls.ts')).command
const loadImagePrune = async (): Promise<AnyCommand> => (await import('./commands/image-prune.ts')).command
const loadImageRm = async (): Promise<AnyCommand> => (await import('./commands/image-rm.ts')).command
const loadImagetoolsCreate = async (): Promise<AnyCommand> =>
  (await import('./commands/imagetools-create.ts')).command
const loadImagetoolsInspect = async (): Promise<AnyCommand> =>
  (await import('./commands/imagetools-inspect.ts')).command
const loadImport = async (): Promise<AnyCommand> => (await import('./commands/import.ts')).command
const loadInfo = async (): Promise<AnyCommand> => (await import('./commands/info.ts')).command
const loadInspect = async (): Promise<AnyCommand> => (await import('./commands/inspect.ts')).command
const loadKill = async (): Promise<AnyCommand> => (await import('./commands/kill.ts')).command
const loadLoad = async (): Promise<AnyCommand> => (await import('./commands/load.ts')).command
const loadLockCheck = async (): Promise<AnyCommand> => (await import('./commands/lock-check.ts')).command
const loadLockUpdate = async (): Promise<AnyCommand> => (await import('./commands/lock-update.ts')).command
const loadLogin = async (): Promise<AnyCommand> => (await import('./commands/login.ts')).command
const loadLogout = async (): Promise<AnyCommand> => (await import('./commands/logout.ts')).command
const loadLogs = async (): Promise<AnyCommand> => (await import('./commands/logs.ts')).command
const loadPause = async (): Promise<AnyCommand> => (await import('./commands/pause.ts')).command
const loadPort = async (): Promise<AnyCommand> => (await import('./commands/port.ts')).command
const loadPull = async (): Promise<AnyCommand> => (await import('./commands/pull.ts')).command
const loadPush = async (): Promise<AnyCommand> => (await import('./commands/push.ts')).command
const loadRegistryGc = async (): Promise<AnyCommand> => (await import('./commands/registry-gc.ts')).command
const loadRegistryScrub = async (): Promise<AnyCommand> =>
  (await import('./commands/registry-scrub.ts')).command
const loadRegistryServe = async (): Promise<AnyCommand> =>
  (await import('./commands/registry-serve.ts')).command
const loadRename = async (): Promise<AnyCommand> => (await import('./commands/rename.ts')).command
const loadReproCheck = async (): Promise<AnyCommand> => (await import('./commands/repro-check.ts')).command
const loadRestart = async (): Promise<AnyCommand> => (await import('./commands/restart.ts')).command
const loadResume = async (): Promise<AnyCommand> => (await import('./commands/resume.ts')).command
const loadRevive = async (): Promise<AnyCommand> => (await import('./commands/revive.ts')).command
const loadRm = async (): Promise<AnyCommand> => (await import('./commands/rm.ts')).command
const loadRun = async (): Promise<AnyCommand> => (await import('./commands/run.ts')).command
const loadSave = async (): Promise<AnyCommand> => (await import('./commands/save.ts')).command
const loadSearch = async (): Promise<AnyCommand> => (await import('./commands/search.ts')).command
const loadServe = async (): Promise<AnyCommand> => (await import('./commands/serve.ts')).command
const loadSettle = async (): Promise<AnyCommand> => (await import('./commands/settle.ts')).command
const loadSquash = async (): Promise<AnyCommand> => (await import('./commands/squash.ts')).command
const loadStats = async (): Promise<AnyCommand> => (await import('./commands/stats.ts')).command
const loadStart = async (): Promise<AnyCommand> => (await import('./commands/start.ts')).command
const loadStop = async (): Promise<AnyCommand> => (await import('./commands/stop.ts')).command
const loadSystemDf = async (): Promise<AnyCommand> => (await import('./commands/system-df.ts')).command
const loadSystemPrune = async (): Promise<AnyCommand> => (await import('./commands/system-prune.ts')).command
const loadTag = async (): Promise<AnyCommand> => (await import('./commands/tag.ts')).command
const loadTags = async (): Promise<AnyCommand> => (await import('./commands/tags.ts')).command
const loadTop = async (): Promise<AnyCommand> => (await import('./commands/top.ts')).command
const loadTree = async (): Promise<AnyCommand> => (await import('./commands/tree.ts')).command
const loadUnpause = async (): Promise<AnyCommand> => (await import('./commands/unpause.ts')).command
const loadUpdate = async (): Promise<AnyCommand> => (await import('./commands/update.ts')).command
const loadVersion = async (): Promise<AnyCommand> => (await import('./commands/version.ts')).command
const loadNetworkConnect = async (): Promise<AnyCommand> =>
  (await import('./commands/network-connect.ts')).command
const loadNetworkCreate = async (): Promise<AnyCommand> =>
  (await import('./commands/network-create.ts')).command
const loadNetworkDisconnect = async (): Promise<AnyCommand> =>
  (await import('./commands/network-disconnect.ts')).command
const loadNetworkInspect = async (): Promise<AnyCommand> =>
  (await import('./commands/network-inspect.ts')).command
const loadNetworkLs = async (): Promise<AnyCommand> => (await import('./commands/network-ls.ts')).command
const loadNetworkPrune = async (): Promise<AnyCommand> =>
  (await import('./commands/network-prune.ts')).command
const loadNetworkRm = async (): Promise<AnyCommand> => (await import('./commands/network-rm.ts')).command
const loadVolumeCreate = async (): Promise<AnyCommand> =>
  (await import('./commands/volume-create.ts')).command
const loadVolumeInspect = async (): Promise<AnyCommand> =>
  (await import('./commands/volume-inspect.ts')).command
const loadVolumeLs = async (): Promise<AnyCommand> => (await import('./commands/volume-ls.ts')).command
const loadVolumePrune = async (): Promise<AnyCommand> => (await import('./commands/volume-prune.ts')).command
const loadVolumeRm = async (): Promise<AnyCommand> => (await import('./commands/volume-rm.ts')).command
const loadWait = async (): Promise<AnyCommand> => (await import('./commands/wait.ts')).command
const loadWhy = async (): Promise<AnyCommand> => (await import('./commands/why.ts')).command

export const commandTable: CommandGroup = {
  summary: 'Builds, stores, moves, serves and runs container images, with no daemon',
  members: {
    run: { summary: 'Create and run a new container from an image', load: loadRun },
    exec: { summary: 'Execute a command in a running container', load: loadExec },
    ps: { summary: 'List containers', load: loadContainerLs },
    build: { summary: 'Build an image from a Dockerfile', load: loadBuild },
    pull: { summary: 'Download an image from a registry', load: loadPull },
    push: { summary: 'Upload an image to a registry', load: loadPush },
    images: { summary: 'List images', load: loadImageLs },
    login: { summary: 'Authenticate to a registry', load: loadLogin },
    logout: { summary: 'Log out from a registry', load: loadLogout },
    version: { summary: 'Show the version information', load: loadVersion },
    info: { summary: 'Display system-wide information', load: loadInfo },
    attach: {
      summary: 'Attach local standard input, output, and error streams to a running container',
      load: loadAttach,
    },
    check: { summary: 'Check the store for damage', load: loadCheck },
    commit: { summary: "Create a new image from a container's changes", load: loadCommit },
    copy: {
      summary: 'Copy an image between registries, folders, archives and the store',
      load: loadCopy,
    },
    cp: { summary: 'Copy files/folders between a container and the local filesystem', load: loadCp },
    create: { summary: 'Create a new container', load: loadCreate },
    debug: { summary: 'Open a shell where a step of a build failed', load: loadDebug },
    diff: { summary: "Inspect changes to files or directories on a container's filesystem", load: loadDiff },
    events: { summary: 'Get real time events from the server', load: loadEvents },
    export: { summary: "Export a container's filesystem as a tar archive", load: loadExport },
    history: { summary: 'Show the history of an image', load: loadHistory },
    import: { summary: 'Import the contents from a tarball to create a filesystem image', load: loadImport },
    inspect: { summary: 'Return low-level information on objects', load: loadInspect },
    kill: { summary: 'Kill one or more running containers', load: loadKill },
    load: { summary: 'Load an image from a tar archive or STDIN', load: loadLoad },
    logs: { summary: 'Fetch the logs of a container', load: loadLogs },
    pause: { summary: 'Pause all processes within one or more containers', load: loadPause },
    port: { summary: 'List port mappings or a specific mapping for the container', load: loadPort },
    rename: { summary: 'Rename a container', load: loadRename },
    restart: { summary: 'Restart one or more containers', load: loadRestart },
    rm: { summary: 'Remove one or more containers', load: loadRm },
    rmi: { summary: 'Remove one or more images', load: loadImageRm },
    save: {
      summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
      load: loadSave,
    },
    search: { summary: 'Search a registry for images', load: loadSearch },
    serve: { summary: 'Serve the Docker Engine API', load: loadServe },
    start: { summary: 'Start one or more stopped containers', load: loadStart },
    stats: {
      summary: 'Display a live stream of container(s) resource usage statistics',
      load: loadStats,
    },
    stop: { summary: 'Stop one or more running containers', load: loadStop },
    tag: { summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', load: loadTag },
    tags: { summary: 'List the tags of a repository in its registry', load: loadTags },
    top: { summary: 'Display the running processes of a container', load: loadTop },
    unpause: { summary: 'Unpause all processes within one or more containers', load: loadUnpause },
    update: { summary: 'Update configuration of one or more containers', load: loadUpdate },
    wait: { summary: 'Block until one or more containers stop, then print their exit codes', load: loadWait },
    why: { summary: 'Show why each step of an image was or was not cached when it was built', load: loadWhy },
    artifact: artifactGroup,
    builder: {
      summary: 'Manage builds',
      members: {
        build: { summary: 'Build an image from a Dockerfile', load: loadBuild },
        du: { summary: 'Disk usage', load: loadBuilderDu },
        prune: { summary: 'Remove build cache', load: loadBuilderPrune },
      },
    },
    buildx: {
      summary: 'Extended build capabilities',
      members: {
        build: { summary: 'Start a build', load: loadBuild },
        b: { summary: 'Start a build', alias: true, load: loadBuild },
        imagetools: {
          summary: 'Commands to work on images in registry',
          members: {
            create: { summary: 'Create a new image based on source images', load: loadImagetoolsCreate },
            inspect: { summary: 'Show details of an image in the registry', load: loadImagetoolsInspect },
          },
        },
        du: { summary: 'Disk usage', load: loadBuilderDu },
        prune: { summary: 'Remove build cache', load: loadBuilderPrune },
      },
    },
    compose: composeGroup,
    container: {
      summary: 'Manage containers',
      members: {
        attach: {
          summary: 'Attach local standard input, output, and error streams to a running container',
          load: loadAttach,
        },
        commit: { summary: "Create a new image from a container's changes", load: loadCommit },
        cp: { summary: 'Copy files/folders between a container and the local filesystem', load: loadCp },
        create: { summary: 'Create a new container', load: loadCreate },
        diff: {
          summary: "Inspect changes to files or directories on a container's filesystem",
          load: loadDiff,
        },
        exec: { summary: 'Execute a command in a running container', load: loadExec },
        export: { summary: "Export a container's filesystem as a tar archive", load: loadExport },
        inspect: {
          summary: 'Display detailed information on one or more containers',
          load: loadContainerInspect,
        },
        kill: { summary: 'Kill one or more running containers', load: loadKill },
        logs: { summary: 'Fetch the logs of a container', load: loadLogs },
        ls: { summary: 'List containers', load: loadContainerLs },
        list: { summary: 'List containers', alias: true, load: loadContainerLs },
        ps: { summary: 'List containers', alias: true, load: loadContainerLs },
        pause: { summary: 'Pause all processes within one or more containers', load: loadPause },
        port: { summary: 'List port mappings or a specific mapping for the container', load: loadPort },
        prune: { summary: 'Remove all stopped containers', load: loadContainerPrune },
        rename: { summary: 'Rename a container', load: loadRename },
        settle: { summary: 'Record the end of a container', alias: true, load: loadSettle },
        restart: { summary: 'Restart one or more containers', load: loadRestart },
        resume: {
          summary: 'Start the containers that their restart policies want to run, as after a reboot',
          load: loadResume,
        },
        health: { summary: 'Tell a change of health', alias: true, load: loadHealth },
        revive: { summary: 'Start a container again as its policy wants', alias: true, load: loadRevive },
        rm: { summary: 'Remove one or more containers', load: loadRm },
        remove: { summary: 'Remove one or more containers', alias: true, load: loadRm },
        run: { summary: 'Create and run a new container from an image', load: loadRun },
        start: { summary: 'Start one or more stopped containers', load: loadStart },
        stats: {
          summary: 'Display a live stream of container(s) resource usage statistics',
          load: loadStats,
        },
        stop: { summary: 'Stop one or more running containers', load: loadStop },
        top: { summary: 'Display the running processes of a container', load: loadTop },
        unpause: { summary: 'Unpause all processes within one or more containers', load: loadUnpause },
        update: { summary: 'Update configuration of one or more containers', load: loadUpdate },
        wait: {
          summary: 'Block until one or more containers stop, then print their exit codes',
          load: loadWait,
        },
      },
    },
    image: {
      summary: 'Manage images',
      members: {
        bootstrap: { summary: "Make a base image from this machine's Debian packages", load: loadBootstrap },
        build: { summary: 'Build an image from a Dockerfile', load: loadBuild },
        history: { summary: 'Show the history of an image', load: loadHistory },
        edit: {
          summary: 'Change the settings of an image in its registry, without moving its layers',
          load: loadImageEdit,
        },
        import: {
          summary: 'Import the contents from a tarball to create a filesystem image',
          load: loadImport,
        },
        inspect: { summary: 'Display detailed information on one or more images', load: loadImageInspect },
        load: { summary: 'Load an image from a tar archive or STDIN', load: loadLoad },
        ls: { summary: 'List images', load: loadImageLs },
        list: { summary: 'List images', alias: true, load: loadImageLs },
        prune: { summary: 'Remove unused images', load: loadImagePrune },
        pull: { summary: 'Download an image from a registry', load: loadPull },
        push: { summary: 'Upload an image to a registry', load: loadPush },
        rm: { summary: 'Remove one or more images', load: loadImageRm },
        remove: { summary: 'Remove one or more images', alias: true, load: loadImageRm },
        save: {
          summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
          load: loadSave,
        },
        squash: { summary: 'Merge the layers of an image into one', load: loadSquash },
        tag: { summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', load: loadTag },
        tree: { summary: 'Show which image is built on which', load: loadTree },
      },
    },
    manifest: manifestGroup,
    lock: {
      summary: 'Pin what a Dockerfile names, in a file beside it',
      members: {
        check: { summary: 'Show what leads elsewhere than the lock file says', load: loadLockCheck },
        update: { summary: 'Write the lock file and show what changed', load: loadLockUpdate },
      },
    },
    network: {
      summary: 'Manage networks',
      members: {
        connect: { summary: 'Connect a container to a network', load: loadNetworkConnect },
        create: { summary: 'Create a network', load: loadNetworkCreate },
        disconnect: { summary: 'Disconnect a container from a network', load: loadNetworkDisconnect },
        inspect: {
          summary: 'Display detailed information on one or more networks',
          load: loadNetworkInspect,
        },
        ls: { summary: 'List networks', load: loadNetworkLs },
        list: { summary: 'List networks', alias: true, load: loadNetworkLs },
        prune: { summary: 'Remove all unused networks', load: loadNetworkPrune },
        rm: { summary: 'Remove one or more networks', load: loadNetworkRm },
        remove: { summary: 'Remove one or more networks', alias: true, load: loadNetworkRm },
      },
    },
    repro: {
      summary: 'Find out whether builds are reproducible',
      members: {
        check: {
          summary: 'Build twice, the second time as on another machine, and show the first byte that differs',
          load: loadReproCheck,
        },
      },
    },
    registry: {
      summary: 'Run a registry',
      members: {
        gc: {
          summary: 'Remove what retention rules give up, and blobs that no manifest names',
          load: loadRegistryGc,
        },
        scrub: {
          summary: 'Read all blobs of a registry, and put aside what is damaged',
          load: loadRegistryScrub,
        },
        serve: { summary: 'Serve a registry over HTTP', load: loadRegistryServe },
      },
    },
    system: {
      summary: 'Manage the store',
      members: {
        df: { summary: 'Show disk usage', load: loadSystemDf },
        events: { summary: 'Get real time events from the server', load: loadEvents },
        info: { summary: 'Display system-wide information', load: loadInfo },
        prune: { summary: 'Remove unused data', load: loadSystemPrune },
      },
    },
    volume: {
      summary: 'Manage volumes',
      members: {
        create: { summary: 'Create a volume', load: loadVolumeCreate },
        inspect: { summary: 'Display detailed information on one or more volumes', load: loadVolumeInspect },
        ls: { summary: 'List volumes', load: loadVolumeLs },
        list: { summary: 'List volumes', alias: true, load: loadVolumeLs },
        prune: { summary: 'Remove unused local volumes', load: loadVolumePrune },
        rm: { summary: 'Remove one or more volumes', load: loadVolumeRm },
        remove: { summary: 'Remove one or more volumes', alias: true, load: loadVolumeRm },
      },
    },
  },
}
