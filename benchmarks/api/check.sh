#!/usr/bin/env bash
# An outside tool (schemathesis, from PyPI) reads a fresh coordinator's /openapi.json and sends it what fits it and what does not.
#   benchmarks/api/check.sh [ENVIRONMENT] [schemathesis option…]     default: benchmarks/api/.venv
# It needs Python 3.11 or later (another one: PYTHON=python3.12), and ten minutes (another time: --max-time SECONDS).
# Exit code 0: all phases were run and all checks passed. schemathesis.toml says which check is left out where, and why. README.md has figures.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${here}/../.." && pwd)
environment=${1:-"${here}/.venv"}
shift || true
mkdir -p "${environment}"
environment=$(cd "${environment}" && pwd)
python=${PYTHON:-python3}
fail() { printf 'Not checked: %s\n' "$1" >&2; exit 2; }

if ! "${environment}/bin/schemathesis" --version > /dev/null 2>&1; then
  "${python}" -m venv "${environment}" || fail "no virtual environment in ${environment}"
  "${environment}/bin/python" -m pip install --quiet --disable-pip-version-check 'schemathesis==4.32.5' \
    || fail 'pip failed (see above)'
fi

folder=$(mktemp -d)
"${root}/wardround" coordinator --dir "${folder}/coordinator" --port 0 --json > "${folder}/out" 2> "${folder}/log" &
coordinator=$!
trap 'kill "${coordinator}" 2> /dev/null || true; wait "${coordinator}" || true; rm -rf "${folder}"' EXIT
for _ in $(seq 300); do [ -s "${folder}/out" ] && break; sleep 0.1; done
[ -s "${folder}/out" ] || fail "the coordinator did not start: $(tail -n 3 "${folder}/log")"
url=$(sed -E 's/.*"url":"([^"]+)".*/\1/' "${folder}/out")
secret=$("${root}/node_modules/.bin/node" "${here}/secret.ts" "${folder}/coordinator/access")

# What it notes down goes with the folder.
cd "${folder}"
"${environment}/bin/schemathesis" --config-file "${here}/schemathesis.toml" run "${url}/openapi.json" --tls-verify=false --request-timeout 35 --no-color \
  --max-time 600 --header "Authorization: Bearer ${secret}" "$@"
