/** What the loop below, whose working folder is that of HealthFiles, is told of one container. Times are seconds with fractions, as sleep(1) and timeout(1) take them. */
export interface HealthScript {
  /** argv of one probe, which writes the number of its process to the file `pid`. */
  readonly probe: readonly string[]
  /** argv to be called with the new status behind when it changes. */
  readonly report: readonly string[]
  /** The container's first process. */
  readonly container: number
  readonly interval: string
  readonly startInterval: string
  readonly timeout: string
  /** For the runtime and all: it may hang. */
  readonly hardTimeout: string
  readonly timeoutNanos: bigint
  /** Nanoseconds since the epoch: failures before that do not count while no probe has succeeded. */
  readonly startingUntil: bigint
  readonly retries: number
  /** Output of a probe that took too long. */
  readonly overdue: string
}

/**
 * A shell and not mille: it sleeps nearly always and needs a megabyte, and a probe costs what the runtime's exec costs.
 * A probe that leaves a process behind with its output open is waited for no longer than its time.
 */
const loop = `
limit_probe() {
  trap 'kill "$nap"; exit 0' TERM
  pid=
  sleep "$limit" & nap=$!
  wait "$nap"
  # the runtime may be making the process just now: killed at that, it would leave one that nobody knows
  until [ -e code ] || [ ! -d "/proc/$$" ]; do
    # its children too: the runtime made it the leader of a group
    read -r pid <pid # which ends with no line
    [ -n "$pid" ] && kill -9 "-$pid" "$pid" && exit 0
    sleep 0.01
  done
}
read -r status streak count 2>/dev/null <state || { status=starting streak=0 count=0; }
while :; do
  pause=$interval
  if [ "$status" = starting ] && [ "$(date +%s%N)" -lt "$starting_until" ]; then pause=$start_interval; fi
  sleep "$pause"
  read -r owner 2>/dev/null <watcher || sleep 1
  read -r owner 2>/dev/null <watcher && [ "$owner" = "$$" ] || exit 0
  rm -f pid code
  begin=$(date +%s%N)
  limit_probe </dev/null >/dev/null 2>&1 & limiter=$!
  { timeout --foreground -s KILL "$hard_limit" "$@"; echo "$?" >code; } 2>&1 </dev/null |
    timeout --foreground -s KILL "$limit" sh -c 'head -c 4096; exec cat >/dev/null' >output
  end=$(date +%s%N)
  kill "$limiter" 2>/dev/null
  wait "$limiter"
  [ -d "/proc/$container" ] || exit 0
  read -r code 2>/dev/null <code || code=-1
  if [ "$code" = 137 ] && [ "$((end - begin))" -ge "$limit_nanos" ]; then
    code=-1
    echo "$overdue" >output
  fi
  before=$status
  if [ "$code" = 0 ]; then
    status=healthy streak=0
  elif [ "$status" != starting ] || [ "$begin" -ge "$starting_until" ]; then
    streak=$((streak + 1))
    [ "$streak" -lt "$retries" ] || status=unhealthy
  fi
  { echo "$begin $end $code"; cat output; } >log.new
  mv log.new "log.$((count % 5))"
  count=$((count + 1))
  echo "$status $streak $count" >state.new
  mv state.new state
  [ "$status" = "$before" ] || report "$status"
done`

/** argv and environment of the loop; `id` stands among its words, to be known by. */
export function healthProgram(
  id: string,
  script: HealthScript,
): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const report = script.report.map(quoted).join(' ')
  return {
    args: ['-c', `report() { ${report} "$1" >/dev/null 2>&1; }\n${loop}`, `health-${id}`, ...script.probe],
    env: {
      container: String(script.container),
      interval: script.interval,
      start_interval: script.startInterval,
      limit: script.timeout,
      hard_limit: script.hardTimeout,
      limit_nanos: String(script.timeoutNanos),
      starting_until: String(script.startingUntil),
      retries: String(script.retries),
      overdue: script.overdue,
    },
  }
}

/** One word for the shell, whatever is in it. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
