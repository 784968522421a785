#!/usr/bin/env bash
# Flower as it is deployed, all on this machine: one SuperLink, four SuperNodes, one run. The bench starts this script and
# gives it PEERS_BIN (the environment's programs), FLWR_HOME (an empty folder) and PEERS_PORT (the first of five free ports).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
superlink="127.0.0.1:${PEERS_PORT}"
daemons=()
stop() { kill "${daemons[@]}" 2>/dev/null || true; wait || true; }
trap stop EXIT
trap 'exit 143' TERM INT

"${PEERS_BIN}/flower-superlink" --insecure --disable-runtime-dependency-installation --port "${PEERS_PORT}" &
daemons+=($!)
for site in 0 1 2 3; do
  "${PEERS_BIN}/flower-supernode" --insecure --superlink "${superlink}" --port "$((PEERS_PORT + 1 + site))" \
    --node-config "partition-id=${site}" &
  daemons+=($!)
done
printf '[superlink]\ndefault = "local"\n\n[superlink.local]\naddress = "%s"\ninsecure = true\n' "${superlink}" \
  >"${FLWR_HOME}/config.toml"
until (exec 3<>"/dev/tcp/127.0.0.1/${PEERS_PORT}") 2>/dev/null; do
  kill -0 "${daemons[0]}" 2>/dev/null || { echo 'The SuperLink ended before it listened.' >&2; exit 1; }
  sleep 0.1
done
"${PEERS_BIN}/flwr" run "${here}" local --stream
[ -s "${PEERS_RESULT}" ] || { echo 'The run ended without a result.' >&2; exit 1; }
