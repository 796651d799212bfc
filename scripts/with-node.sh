#!/bin/sh
# with-node.sh CMD...: runs CMD with the project's own Node 24 first on PATH (system Node may be older).
here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$here/node_modules/.bin:$PATH
export PATH
exec "$@"
