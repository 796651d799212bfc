#!/bin/sh
# Builds dist/ beside the present one and swaps it in, so that a command that starts meanwhile finds a whole bundle.
set -eu
new=dist.new.$$
log=$(mktemp)
trap 'rm -rf "$new" "$log"' EXIT
if ! rolldown -c rolldown.config.ts --dir "$new" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
rm -rf dist.old
if [ -d dist ]; then mv dist dist.old; fi
mv "$new" dist
rm -rf dist.old
touch dist/mille.cjs
