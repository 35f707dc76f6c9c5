#!/bin/sh
# Users of etcd: `runs` is for the controllers; `hosts` reads below /sluice/, and writes nothing. Run it once, where etcdctl reaches the cluster as root.
set -eu
etcdctl user add runs      # asks for the password of rollout_store.password
etcdctl user add hosts     # asks for the password of rollout_store.host_password
etcdctl role add sluice-runs
etcdctl role add sluice-hosts
etcdctl role grant-permission sluice-runs readwrite --prefix=true /sluice/
etcdctl role grant-permission sluice-hosts read --prefix=true /sluice/
etcdctl user grant-role runs sluice-runs
etcdctl user grant-role hosts sluice-hosts
etcdctl auth enable
