"""Releases of a few files, and what becomes of an nginx that is told to serve them."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import ManifestEntry, entries_to_json, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import ReleaseId

__all__ = ["BEHAVIOURS", "Release", "behaviour_of", "files_of", "release"]

BEHAVIOURS = {
    "fine": "it serves",
    "refused": "nginx -t refuses it",
    "unbindable": "nginx -t takes it, a reload cannot bind its port, the old workers stay",
    "ignored": "nginx -t takes it, a reload does nothing at all",
    "dying": "its workers die as soon as they start",
    "fatal": "the master dies of reading it",
    "wrong": "it serves, and its check does not hold",
    "silent": "it serves, and its check gets no answer in time",
}
"""What a tree can do to an nginx, as its file ``behaviour`` says it."""

_CHECKS = [{"name": "the front page", "get": "http://shop.example/", "expect": {"body": "shop"}}]


class Release(NamedTuple):
    """A release as it is pushed: its id, the form of the request and its bundle."""

    id: ReleaseId
    form: dict[str, Any]
    bundle: bytes


def files_of(name: str, behaviour: str = "fine") -> dict[str, str]:
    """Return the files of a tree, path to text."""
    return {"behaviour": behaviour, "nginx.conf": f"# {name}\n", "conf.d/site.conf": f"server_name {name};\n"}


def behaviour_of(tree: Path) -> str:
    """Return what a tree does; one without the file, or none at all, is refused."""
    try:
        return (tree / "behaviour").read_text()
    except OSError:
        return "refused"


@functools.cache
def release(name: str, behaviour: str = "fine") -> Release:
    """Make a release; the same words give the same one."""
    files = files_of(name, behaviour)
    manifest = [ManifestEntry("conf.d", "dir", 0o755, "")]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for path, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            manifest.append(ManifestEntry(path, "file", 0o644, hashlib.sha256(data).hexdigest()))
    identity = release_id(manifest)
    form = {
        "id": identity,
        "manifest": entries_to_json(sorted(manifest)),
        "shared": [],
        "facts": {"error_logs": [], "access_logs": [], "worker_processes": 2},
        "contract": [to_json(check) for check in parse_contract(_CHECKS, "nginx_checks")],
    }
    return Release(identity, form, buffer.getvalue())
