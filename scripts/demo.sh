#!/bin/sh
# The main job on real input. Each step is a command line that is shown and then run as it is: what you read, you can type.
# Uses a store of its own and four free ports (MILLE_DEMO_PORT is the first), and removes everything at the end, also
# after Ctrl-C.
set -eu
cd "$(dirname "$0")/.."
if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); else bold='' dim='' plain=''; fi
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1; then exec sudo -E env PATH="$PATH" sh "$0" "$@"; fi
  echo "demo: containers on a bridge network need root, and there is no sudo here; run this as root" >&2
  exit 1
fi

port=$(node_modules/.bin/node scripts/demo-ports.ts)
second=$((port + 1))
third=$((port + 2))
registry=127.0.0.1:$((port + 3))

title() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
run() { # shows a command line, runs it
  printf '%s$ %s%s\n' "$dim" "$1" "$plain"
  eval "$1"
}

if command -v curl >/dev/null 2>&1; then get='curl -s'
elif command -v wget >/dev/null 2>&1; then get='wget -qO-'
else get="$PWD/node_modules/.bin/node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => process.stdout.write(t))'"; fi
answers() { # waits until something listens there
  node_modules/.bin/node -e '
    const [host, port] = process.argv[1].split(":")
    const knock = (tries) => require("net").connect(port, host, () => process.exit(0)).on("error", () => {
      if (tries === 0) process.exit(1)
      setTimeout(() => knock(tries - 1), 50)
    })
    knock(200)' "$1"
}

root=$(mktemp -d /var/tmp/mille-demo.XXXXXX)
registry_pid=''
cleanup() {
  trap '' INT TERM
  [ -z "$registry_pid" ] || kill "$registry_pid" 2>/dev/null || true
  mille rm -f hello-a hello-b hello-c >/dev/null 2>&1 || true
  umount -R "$root/snapshots/mounts" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title 'mille of this checkout, with a store of its own'
run "export PATH=\"$PWD/bin:\$PATH\" MILLE_ROOT=$root"

title 'A base image from this machine: no registry needed'
run 'mille image bootstrap busybox'

title 'Build, in two stages'
run 'mille build -t hello examples/hello'

title 'Build again: every step is CACHED'
run 'mille build -t hello examples/hello'

title 'What is there now, and how the image came to be'
run 'mille image ls'
run 'mille history hello'

title 'Two containers from one image'
run "mille run -d --name hello-a -p $port:80 hello"
run "mille run -d --name hello-b -p $second:80 hello"
run 'mille ps'
answers "127.0.0.1:$port"
answers "127.0.0.1:$second"
run "$get http://127.0.0.1:$port/"
run "$get http://127.0.0.1:$second/"

title 'A change in one is invisible in the other'
run "mille exec hello-a sh -c 'echo \"<h1>Changed in hello-a</h1>\" > /www/index.html'"
run "$get http://127.0.0.1:$port/"
run "$get http://127.0.0.1:$second/ | grep h1"
run 'mille diff hello-a'
run 'mille diff hello-b'

title 'Freeze the change into an image'
run "mille commit -m 'a new page' hello-a hello:changed"
run 'mille image tree'

title 'Push to a registry of our own'
run "mille registry serve --quiet --address $registry &"
registry_pid=$!
answers "$registry"
run "mille tag hello:changed $registry/hello:1"
run "mille push $registry/hello:1"
run "mille image inspect --format '{{index .RepoDigests 0}}' $registry/hello:1"
digest=$(mille image inspect --format '{{index .RepoDigests 0}}' "$registry/hello:1")

title 'Remove it here, pull it back by digest, run it'
run 'mille rm -f hello-a hello-b'
run "mille rmi $registry/hello:1 hello:changed"
run "mille pull $digest"
run "mille run -d --name hello-c -p $third:80 $digest"
answers "127.0.0.1:$third"
run "$get http://127.0.0.1:$third/"

title 'Clean up'
run 'mille rm -f hello-c'
run 'mille system prune -af'
