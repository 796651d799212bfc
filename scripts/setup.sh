#!/bin/sh
# Everything a fresh Debian/Ubuntu machine with Node and npm lacks: npm packages (Node 24 among them) and Debian packages.
# Does nothing, quickly, when all is there.
set -eu
cd "$(dirname "$0")/.."

# one at a time: an npm that outlived a killed set-up writes the same files, and left some of them short
exec 9<scripts/setup.sh
flock 9
if ! [ -x node_modules/.bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "setup: npm packages"
  # npm writes that file last, and does not mend what a killed one left half written
  [ -e node_modules/.package-lock.json ] || rm -rf node_modules
  # not `npm ci`: it refuses a lock file that lacks binaries of platforms that the registry at hand does not have
  npm install --no-save --no-audit --no-fund --loglevel=error
fi
exec 9<&-

missing=""
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
need runc runc
need crun crun
need conmon conmon
need tini-static tini
need busybox busybox-static
need nft nftables
need ip iproute2
need mmdebstrap mmdebstrap
need newuidmap uidmap
need pasta passt
[ -x /usr/lib/podman/aardvark-dns ] || missing="$missing aardvark-dns"
need zstd zstd
need xz xz-utils
need bzip2 bzip2
need git git
need skopeo skopeo
need umoci umoci
need docker-registry docker-registry
need swift-proxy-server swift-proxy
need swift-account-server swift-account
need swift-container-server swift-container
need swift-object-server swift-object
need getfattr attr
need make make
need ssh-keygen openssh-client
need strace strace
need openssl openssl
need mkfs.ext4 e2fsprogs
[ -d /usr/lib/python3/dist-packages/docker ] || missing="$missing python3-docker"
ls /usr/lib/*/libisal.so.2 >/dev/null 2>&1 || missing="$missing libisal2"

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ]; then sudo=""
  elif command -v sudo >/dev/null 2>&1; then sudo="sudo"
  else
    echo "setup: these Debian packages are missing:$missing" >&2
    echo "setup: neither root nor sudo here; ask an administrator to run: apt-get install$missing" >&2
    exit 1
  fi
  echo "setup: Debian packages:$missing"
  log=$(mktemp)
  $sudo apt-get update -qq >"$log" 2>&1 || true
  # word splitting wanted: a list of packages
  # shellcheck disable=SC2086
  if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "setup: apt-get install$missing failed" >&2
    exit 1
  fi
  rm -f "$log"
fi

# the docker client alone, for tests of the API: its package would start a daemon, and that changes the firewall
if ! command -v docker >/dev/null 2>&1 && ! [ -x node_modules/.bin/docker ]; then
  package=docker-cli
  apt-cache show "$package" >/dev/null 2>&1 || package=docker.io
  echo "setup: docker client (of $package)"
  work=$(mktemp -d)
  (cd "$work" && apt-get -qq download "$package" 2>apt.log || { cat apt.log >&2; exit 1; })
  dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" ./usr/bin/docker
  cp "$work/usr/bin/docker" node_modules/.bin/docker
  rm -rf "$work"
fi
