#!/usr/bin/env bash
# slices.sh ROLLOUT INVENTORY NODE=LIMIT...: deploys one release by several execution nodes, each with the hosts of its limit. All confirm, or all roll back.
#   examples/fleets/slices.sh release-42 inventory/production.yml node.eu.example.org=eu node.us.example.org=us
# The inventory has rollout_store, so that the slices meet. Exits with 0 where every slice has confirmed, otherwise with 1.
set -euo pipefail
if [ $# -lt 3 ]; then
  echo "usage: slices.sh ROLLOUT INVENTORY NODE=LIMIT..." >&2
  exit 64
fi
rollout=$1 inventory=$2
shift 2
slices=() number=0
for slice; do
  if [[ $slice != ?*=?* ]]; then
    echo "slices.sh: '$slice' is no NODE=LIMIT, as node.eu.example.org=eu" >&2
    exit 64
  fi
done
for slice; do
  number=$((number + 1)) node=${slice%%=*}
  # One process of its own for each, whose lines begin with the node.
  "$(dirname "$0")/on-node.sh" "$node" sluice.nginx.deploy --inventory "$inventory" --limit "${slice#*=}" \
    -e "rollout_name=$rollout" -e "rollout_slices=$#" -e "rollout_slice=$number" \
    > >(sed --unbuffered "s|^|$node: |") 2>&1 &
  slices+=($!)
done
failed=0
for slice in "${slices[@]}"; do wait "$slice" || failed=1; done
exit $failed
