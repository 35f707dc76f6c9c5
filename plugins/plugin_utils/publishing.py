"""Publishes what a run has confirmed, for hosts that nobody reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.policy import read_policy
from ansible_collections.sluice.nginx.plugins.module_utils.fleet.signing import Signer, read_inventory, read_signers
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.folder import PublishedFolder, Terms
from ansible_collections.sluice.nginx.plugins.module_utils.publishing.model import PublishRow, read_publish
from ansible_collections.sluice.nginx.plugins.module_utils.record.summary import RunSummary
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.storage import path_of
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import count
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId, read_release_id
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction, project, pulling_hosts
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import show

__all__ = ["publish"]


def publish(action: ControllerAction, options: Mapping[str, Any], summary: RunSummary) -> dict[str, Any]:
    """Publish, and return what the result has of it: a failure where the run was confirmed, and that could not be."""
    try:
        row = read_publish(options["publish"])
        if row is None:
            return {}
        store = ReleaseStore(action._state() / "releases")
        folder = PublishedFolder(path_of(project(), row.folder), row, store, _terms(options))
        wanted = _wanted(action, options, summary, row, folder)
        done = folder.publish(wanted)
    except SluiceError as error:
        return {"failed": True, "msg": f"{summary.outcome}; and nothing was published for hosts that pull: {error}"}
    show(
        action._display,
        f"published in {row.folder}: {count(len(done.new), 'new name')}, {len(done.same)} as before",
    )
    return {"changed": bool(done.new), "published": done.new}


def _terms(options: Mapping[str, Any]) -> Terms:
    if not options["signing_key"]:
        raise InputError("gates_signing_key", "it is not set, and hosts pull nothing that is not signed; name a key")
    key = path_of(project(), options["signing_key"])
    inventory = read_inventory(options["inventory"])
    signers = read_signers(project(), options["allowed_signers"]) if options["allowed_signers"] else ""
    given = (options["needs"], options["bake"], options["confirm_timeout"], options["keep"], options["drift"])
    return Terms(Signer(key, inventory), signers, read_policy(options["policy"]), *given)


def _wanted(
    action: ControllerAction,
    options: Mapping[str, Any],
    summary: RunSummary,
    row: PublishRow,
    folder: PublishedFolder,
) -> dict[str, ReleaseId]:
    """Return which release each name is to get: hosts of the run, those that pull, and names that follow a host."""
    found = {host: read_release_id(each.release) for host, each in summary.hosts.items() if each.release}
    here = set(action._variables_of_task.get("ansible_play_hosts_all", ()))
    for host in sorted(pulling_hosts(action._variables_of_task) & here):
        release = _pulled(host, options, found, folder)
        if release:
            found[host] = release
    return {**found, **{name: found[host] for name, host in row.targets.items() if host in found}}


def _pulled(
    host: str, options: Mapping[str, Any], found: Mapping[str, ReleaseId], folder: PublishedFolder
) -> ReleaseId | None:
    """Return the release of a host that was asked nothing; None where none is known."""
    stored = options["stored"]
    if not stored:
        release = options["releases"].get(host)
        return read_release_id(release) if release else None
    if stored == "previous":
        return folder.before(host)
    named = {release for release in found.values() if release.startswith(stored)}
    return named.pop() if len(named) == 1 else None
