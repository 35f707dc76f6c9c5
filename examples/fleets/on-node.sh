#!/usr/bin/env bash
# on-node.sh NODE PLAYBOOK [OPTION...]: runs ansible-playbook on an execution node, with what this repository has committed.
# It does what AWX does: ansible-runner sends the work, and shows what comes back. SSH carries it; NODE_SSH is another command for that.
# The node has Sluice and ansible-runner in /opt/sluice, and its own keys of its hosts.
# Exits with the code of ansible-playbook, or with 255 where the node was lost; then docs/how-to/fleets.md says how its hosts end.
set -euo pipefail
if [ $# -lt 2 ]; then
  echo "usage: on-node.sh NODE PLAYBOOK [OPTION of ansible-playbook...]" >&2
  exit 64
fi
node=$1 playbook=$2
shift 2
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
git clone --quiet --depth 1 "file://$(git rev-parse --show-toplevel)" "$work/data/project"
ansible-runner transmit "$work/data" --playbook "$playbook" --cmdline="${*@Q}" >"$work/sent"
# The worker works in a folder that ends with it. Without buffering, each line is seen when it comes.
${NODE_SSH:-ssh} "$node" 'PATH=/opt/sluice/bin:$PATH ansible-runner worker' <"$work/sent" |
  PYTHONUNBUFFERED=1 ansible-runner process "$work/data" || {
  code=$?
  echo "on-node.sh: the run on $node ended with code $code" >&2
  exit $code
}
