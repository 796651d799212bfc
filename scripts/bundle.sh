#!/bin/sh
# Builds dist/ beside the present one and swaps it in, so that a command that starts meanwhile finds a whole bundle.
set -eu
new=dist.new.$$
trap 'rm -rf "$new"' EXIT
rolldown -c rolldown.config.ts --dir "$new" --log-level warn >&2
rm -rf dist.old
if [ -d dist ]; then mv dist dist.old; fi
mv "$new" dist
rm -rf dist.old
touch dist/mille.js
