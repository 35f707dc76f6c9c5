# shellcheck shell=bash
# What all scripts share. Sourced with the repository as working directory.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$(pwd -P)
# Users other than root do not have the places of daemons on their path. (SBIN is there for the tests.)
export PATH="$ROOT/.venv/bin:$PATH:${SBIN-/usr/sbin:/sbin}"
# Repeated output of progress bars is unreadable in logs.
export PIP_PROGRESS_BAR=off PIP_DISABLE_PIP_VERSION_CHECK=1
# Ansible is started a thousand times by the tests, and would compile the collection each time.
unset PYTHONDONTWRITEBYTECODE

say() { printf '==> %s\n' "$*"; }

die() {
  printf 'sluice: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The label of this checkout's containers, networks and images; staging/labels.py computes the same.
project_label() { printf %s "$ROOT" | sha256sum | cut -c1-12; }

can_root() { [ "$(id -u)" = 0 ] || { have sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; }; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# progress WHAT COMMAND...: runs a long command, says every few seconds what it printed last, and shows its end when it fails.
progress() {
  local what=$1 log pid code=0 started=$SECONDS next=5
  shift
  say "$what"
  mkdir -p .sluice
  log=$(mktemp .sluice/step.XXXXXX)
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - started)) -ge "$next" ]; then
      next=$((next + 5))
      printf '    %s s: %s\n' $((SECONDS - started)) "$(tail -n 1 "$log" | cut -c1-110)"
    fi
  done
  wait "$pid" || code=$?
  if [ "$code" != 0 ]; then tail -n 20 "$log" | sed 's/^/    /' >&2; fi
  rm -f "$log"
  return "$code"
}

# Prints nothing when an engine answers, else why it does not.
engine_problem() {
  .venv/bin/python - <<'PYTHON'
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging.connection import connect

try:
    connect()
except SluiceError as error:
    print(error)
PYTHON
}

# Whoever was put into the group docker since the last login has its rights in a new process only: begin again there.
use_docker_group() {
  local socket=/var/run/docker.sock
  if [ ! -e "$socket" ] || [ -w "$socket" ] || id -nG | grep -qw docker || ! have sg; then return; fi
  if getent group docker | grep -qE "[:,]$(id -un)(,|\$)"; then
    exec sg docker -c "$(printf '%q ' "$ROOT/scripts/$(basename "$0")" "$@")"
  fi
}

install_packages() {
  progress "Installing $*" as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get -o DPkg::Lock::Timeout=300 --quiet update
    exec apt-get -o DPkg::Lock::Timeout=300 --quiet --yes --no-install-recommends install "$@"' apt "$@" ||
    die "apt-get could not install: $*; its last lines are above"
}

# What tests/machines runs virtual machines with; image.py says which tool is of which package.
need_machine_tools() {
  local tool
  for tool in qemu-system-x86_64 qemu-img mmdebstrap; do
    if ! have "$tool"; then
      need_packages "QEMU, in which the machines of the tests run," qemu-system-x86 qemu-utils mmdebstrap
      return
    fi
  done
}

# Servers of coordination stores, which tests start on this machine.
need_stores() {
  if ! have nats-server || ! have etcd || ! have etcdctl; then
    need_packages "NATS and etcd, which the tests start," nats-server etcd-server etcd-client
  fi
}

need_packages() { # PURPOSE PACKAGE...
  local purpose=$1
  shift
  have apt-get || die "$purpose is missing, and there is no apt-get to install it with; install it, and run make again"
  can_root || die "$purpose is missing, and installing it needs root: run as root or with sudo rights, or run: sudo apt-get install $*"
  install_packages "$@"
}
