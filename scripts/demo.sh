#!/bin/sh
# The main job on real input, each step shown as the command a user would type. Uses a store of its own and cleans up.
set -eu
cd "$(dirname "$0")/.."
MILLE_ROOT=${MILLE_DEMO_ROOT:-$(mktemp -d /var/tmp/mille-demo.XXXXXX)}
export MILLE_ROOT
registry=127.0.0.1:5555
image=$registry/hello:1

if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); else bold='' dim='' plain=''; fi
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1; then exec sudo -E env PATH="$PATH" sh "$0" "$@"; fi
  echo "demo: containers on a bridge network need root, and there is no sudo here; run this as root" >&2
  exit 1
fi

mille() { bin/mille "$@"; }
title() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
run() { # prints a command, runs it
  printf '%s$ %s%s\n' "$dim" "$*" "$plain"
  "$@"
}
fetch() { # GET with the Node of this project: curl may be missing on a fresh machine
  node_modules/.bin/node -e '
    const get = async (tries) => fetch(process.argv[1]).then((r) => r.text()).catch((e) => {
      if (tries === 0) throw e
      return new Promise((r) => setTimeout(r, 50)).then(() => get(tries - 1))
    })
    process.stdout.write(await get(100))' --input-type=module "$1"
}

registry_pid=''
cleanup() {
  [ -z "$registry_pid" ] || kill "$registry_pid" 2>/dev/null || true
  mille rm -f hello-a hello-b hello-c >/dev/null 2>&1 || true
  mille system prune -af --volumes >/dev/null 2>&1 || true
  umount "$MILLE_ROOT/snapshots/mounts" 2>/dev/null || true
  [ -n "${MILLE_DEMO_ROOT:-}" ] || rm -rf --one-file-system "$MILLE_ROOT"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title 'A base image from this machine: no registry needed'
run mille image bootstrap busybox

title 'Build, in two stages'
run mille build -t hello examples/hello

title 'Build again: every step is CACHED'
run mille build -t hello examples/hello

title 'What is there now, and how the image came to be'
run mille image ls
run mille history hello

title 'Two containers from one image'
run mille run -d --name hello-a -p 8081:80 hello
run mille run -d --name hello-b -p 8082:80 hello
run mille ps
run fetch http://127.0.0.1:8081/
run fetch http://127.0.0.1:8082/

title 'A change in one is invisible in the other'
run mille exec hello-a sh -c 'echo "<h1>Changed in hello-a</h1>" > /www/index.html'
run fetch http://127.0.0.1:8081/
run fetch http://127.0.0.1:8082/
run mille diff hello-a
run mille diff hello-b

title 'Freeze the change into an image'
run mille commit -m 'a new page' hello-a hello:changed
run mille image tree

title 'Push to a registry of our own'
printf '%s$ mille registry serve --address %s &%s\n' "$dim" "$registry" "$plain"
bin/mille registry serve --address "$registry" --quiet --storage "$MILLE_ROOT/demo-registry" >"$MILLE_ROOT/registry.log" 2>&1 &
registry_pid=$!
fetch "http://$registry/v2/" >/dev/null
run mille tag hello:changed "$image"
run mille push "$image"
digest=$(mille image inspect --format '{{index .RepoDigests 0}}' "$image")

title 'Remove it here, pull it back by digest, run it'
run mille rm -f hello-a hello-b
run mille rmi "$image" hello:changed
run mille pull "$digest"
run mille run -d --name hello-c -p 8083:80 "$digest"
run fetch http://127.0.0.1:8083/

title 'Clean up'
run mille rm -f hello-c
run mille system prune -af
echo
echo "Done. The store was $MILLE_ROOT"
