#!/usr/bin/env bash
# Installs Flower and NVFlare, with PyTorch, into a virtual environment for the peers benchmark.
#   benchmarks/peers/install.sh [ENVIRONMENT]     default: benchmarks/peers/.venv
# It needs Python 3.11 or later (another one: PYTHON=python3.12) and PyPI, as pip is configured. About 6 GB on Linux with an x86
# processor: PyPI's PyTorch brings CUDA along, which the benchmark does not use. Where pip's configuration names an index with a
# CPU build of the same version, pip takes that.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=${1:-"${here}/.venv"}
python=${PYTHON:-python3}
fail() { printf 'Not installed: %s\n' "$1" >&2; exit 1; }

"${python}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  || fail "${python} is missing or older than 3.11. Name another: PYTHON=python3.12 $0"
"${python}" -m venv "${environment}" \
  || fail "no virtual environment in ${environment}. On Debian and Ubuntu: apt install python3-venv"
"${environment}/bin/python" -m pip install --disable-pip-version-check \
  --requirement "${here}/requirements.txt" --constraint "${here}/constraints.txt" \
  || fail "pip failed (see above). Behind a proxy: pip config set global.proxy URL; the disk must have 12 GB free"

broken=''
for check in 'flwr: import flwr.serverapp' 'ray: import ray' 'nvflare: import nvflare.recipe' 'torch: import torch'; do
  "${environment}/bin/python" -c "${check#*: }" || broken="${broken} ${check%%:*}"
done
[ -z "${broken}" ] || fail "installed, but cannot be imported:${broken}"
"${environment}/bin/python" -c '
from importlib.metadata import version
print("Installed: " + ", ".join(f"{name} {version(name)}" for name in ("flwr", "ray", "nvflare", "torch")))'
