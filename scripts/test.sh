#!/bin/sh
# All tests, real containers and registries included. Needs root (containers) and what setup.sh installs.
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH
export PATH
oxfmt --check src test bench scripts
oxlint
tsc -p .
# built before anybody runs it: two tests at once would build it side by side
bin/mille version >/dev/null
exec node --test --test-timeout=180000 --test-concurrency=2 'src/**/*.test.ts' 'test/**/*.test.ts'
