import type { AnyCommand } from '../command.ts'
import type { CommandGroup } from '../command-table.ts'
import { composeFlags } from './compose-flags.ts'
const loadConfig = async (): Promise<AnyCommand> => (await import('./commands/config.ts')).command
const loadDown = async (): Promise<AnyCommand> => (await import('./commands/down.ts')).command
const loadLogs = async (): Promise<AnyCommand> => (await import('./commands/logs.ts')).command
const loadPs = async (): Promise<AnyCommand> => (await import('./commands/ps.ts')).command
const loadUp = async (): Promise<AnyCommand> => (await import('./commands/up.ts')).command
const loadBuild = async (): Promise<AnyCommand> => (await import('./commands/build.ts')).command
const loadCp = async (): Promise<AnyCommand> => (await import('./commands/cp.ts')).command
const loadCreate = async (): Promise<AnyCommand> => (await import('./commands/create.ts')).command
const loadEvents = async (): Promise<AnyCommand> => (await import('./commands/events.ts')).command
const loadExec = async (): Promise<AnyCommand> => (await import('./commands/exec.ts')).command
const loadImages = async (): Promise<AnyCommand> => (await import('./commands/images.ts')).command
const loadKill = async (): Promise<AnyCommand> => (await import('./commands/kill.ts')).command
const loadLs = async (): Promise<AnyCommand> => (await import('./commands/ls.ts')).command
const loadPause = async (): Promise<AnyCommand> => (await import('./commands/pause.ts')).command
const loadPort = async (): Promise<AnyCommand> => (await import('./commands/port.ts')).command
const loadPull = async (): Promise<AnyCommand> => (await import('./commands/pull.ts')).command
const loadPush = async (): Promise<AnyCommand> => (await import('./commands/push.ts')).command
const loadRestart = async (): Promise<AnyCommand> => (await import('./commands/restart.ts')).command
const loadRm = async (): Promise<AnyCommand> => (await import('./commands/rm.ts')).command
const loadRun = async (): Promise<AnyCommand> => (await import('./commands/run.ts')).command
const loadScale = async (): Promise<AnyCommand> => (await import('./commands/scale.ts')).command
const loadStart = async (): Promise<AnyCommand> => (await import('./commands/start.ts')).command
const loadStop = async (): Promise<AnyCommand> => (await import('./commands/stop.ts')).command
const loadTop = async (): Promise<AnyCommand> => (await import('./commands/top.ts')).command
const loadUnpause = async (): Promise<AnyCommand> => (await import('./commands/unpause.ts')).command
const loadVersion = async (): Promise<AnyCommand> => (await import('./commands/version.ts')).command
const loadWait = async (): Promise<AnyCommand> => (await import('./commands/wait.ts')).command
const loadWatch = async (): Promise<AnyCommand> => (await import('./commands/watch.ts')).command

export const composeGroup: CommandGroup = {
  summary: 'Define and run multi-container applications',
  flags: composeFlags,
  members: {
    up: { summary: 'Create and start containers', load: loadUp },
    down: { summary: 'Stop and remove containers, networks', load: loadDown },
    ps: { summary: 'List containers', load: loadPs },
    logs: { summary: 'View output from containers', load: loadLogs },
    build: { summary: 'Build or rebuild services', load: loadBuild },
    cp: { summary: 'Copy files/folders between a service container and the local filesystem', load: loadCp },
    create: { summary: 'Creates containers for a service', load: loadCreate },
    events: { summary: 'Receive real time events from containers', load: loadEvents },
    exec: { summary: 'Execute a command in a running container', load: loadExec },
    images: { summary: 'List images used by the created containers', load: loadImages },
    kill: { summary: 'Force stop service containers', load: loadKill },
    ls: { summary: 'List running compose projects', load: loadLs },
    pause: { summary: 'Pause services', load: loadPause },
    port: { summary: 'Print the public port for a port binding', load: loadPort },
    pull: { summary: 'Pull service images', load: loadPull },
    push: { summary: 'Push service images', load: loadPush },
    restart: { summary: 'Restart service containers', load: loadRestart },
    rm: { summary: 'Removes stopped service containers', load: loadRm },
    run: { summary: 'Run a one-off command on a service', load: loadRun },
    scale: { summary: 'Scale services', load: loadScale },
    start: { summary: 'Start services', load: loadStart },
    stop: { summary: 'Stop services', load: loadStop },
    top: { summary: 'Display the running processes', load: loadTop },
    unpause: { summary: 'Unpause services', load: loadUnpause },
    version: { summary: 'Show the Docker Compose version information', load: loadVersion },
    wait: { summary: 'Block until containers of all (or specified) services stop.', load: loadWait },
    watch: {
      summary: 'Watch build context for service and rebuild/refresh containers when files are updated',
      load: loadWatch,
    },
    config: { summary: 'Parse, resolve and render compose file in canonical format', load: loadConfig },
    convert: {
      summary: 'Parse, resolve and render compose file in canonical format',
      alias: true,
      load: loadConfig,
    },
  },
}
