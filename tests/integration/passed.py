"""Releases of the sandbox with a receipt as the gates write it, for stories of what comes after the gates.

No gate is asked for them. Those cost several times what a roll-out does, and have stories of their own: tests/staging,
test_deploy.py, test_who_may_decide.py and Molecule's scenarios.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import sign
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.render import render
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore, write_json
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage, ensure_platform
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

__all__ = ["passed", "platform_of"]


def platform_of(project: Path, engine: docker.DockerClient) -> PlatformImage:
    """The platform of the sandbox."""
    text = (project / "inventories/sandbox/group_vars/all.yml").read_text(encoding="utf-8")
    wanted = yaml.safe_load(text)
    packages = wanted["staging_packages"]
    return ensure_platform(engine, wanted["staging_platform"], packages, project / ".sluice/cache", print)


def passed(project: Path, platform: PlatformImage, variables: Mapping[str, Any], state: Path | None = None) -> Release:
    """Put the release of these variables into the project's store, or that of another ``state``, with its receipt,
    signed where a key is named.
    """
    usual = yaml.safe_load((project / "inventories/sandbox/group_vars/web.yml").read_text(encoding="utf-8"))
    settings = {**usual, **variables, "nginx_version": platform.nginx_version}
    packaged = trees.read_layer(platform.tree, "packaged")
    made = render(settings, packaged, project / "roles/nginx/templates", lambda text, _: text, {}, project)
    described = {"os": platform.os, "nginx_version": platform.nginx_version, "modules": list(platform.modules)}
    if platform.flavour:
        described["flavour"] = platform.flavour
    store = ReleaseStore((state or project / ".sluice") / "releases")
    release = store.add(made.tree, made.contract_json(), list(made.shared), described)
    gates = dict.fromkeys(receipts.GATES, "pass")
    inventory = str(variables.get("gates_inventory") or "sandbox")
    receipt = receipts.issue(release.id, "r1", now(), 24, gates, inventory=inventory, described=release.described)
    write_json(release.root / "receipt.json", receipt)
    signature = release.root / "receipt.json.sig"
    signature.unlink(missing_ok=True)
    if key := variables.get("gates_signing_key"):
        signature.write_text(sign(receipts.canonical(receipt), Path(key)), encoding="ascii")
    return release
