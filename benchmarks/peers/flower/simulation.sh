#!/usr/bin/env bash
# Flower's simulation on Ray, with a SuperLink in simulation mode as `flwr run` would start by itself, but on a port of the
# bench's choice and ended here. One CPU a client instead of Flower's two, so that two clients run at once on two cores.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"${PEERS_BIN}/flower-superlink" --insecure --simulation --disable-runtime-dependency-installation --port "${PEERS_PORT}" &
superlink=$!
stop() { kill "${superlink}" 2>/dev/null || true; wait || true; }
trap stop EXIT
trap 'exit 143' TERM INT

printf '[superlink]\ndefault = "local"\n\n[superlink.local]\naddress = "127.0.0.1:%s"\ninsecure = true\n' "${PEERS_PORT}" \
  >"${FLWR_HOME}/config.toml"
until (exec 3<>"/dev/tcp/127.0.0.1/${PEERS_PORT}") 2>/dev/null; do
  kill -0 "${superlink}" 2>/dev/null || { echo 'The SuperLink ended before it listened.' >&2; exit 1; }
  sleep 0.1
done
"${PEERS_BIN}/flwr" run "${here}" local --stream \
  --federation-config 'num-supernodes=4 client-resources-num-cpus=1'
[ -s "${PEERS_RESULT}" ] || { echo 'The run ended without a result.' >&2; exit 1; }
