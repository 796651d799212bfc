#!/bin/sh
# What an npm package of mille holds beside bin/: the bundled command in dist/, the library and its types in lib/.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
bin/mille version >/dev/null
rm -rf lib
rolldown -c rolldown.library.config.ts --logLevel silent
tsc -p tsconfig.library.json
node scripts/prune-types.ts lib/types
