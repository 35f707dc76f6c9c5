"""Makes the world in nginx's container: addresses, routes, names, directories, certificates, services."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from .common import CONTROL_PORT, LINK, connects, run, start_service, wait_for

__all__ = ["prepare", "wait"]


def _room(path: str) -> Path:
    """Make the directory of a file; what is kept beside releases is a link in the tree that leads to nothing yet."""
    where = Path(os.path.realpath(path))
    where.parent.mkdir(parents=True, exist_ok=True)
    return where


def _make_certificate(plan: dict[str, Any]) -> None:
    names = plan["names"] or ["localhost"]
    for path in (plan["certificate"], plan["key"]):
        _room(path)
    run(
        *[
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
        ],
        *["-subj", f"/CN={names[0][:64]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
        *["-out", plan["certificate"], "-keyout", plan["key"]],
    )


def _beside(plan: dict[str, Any], path: str) -> bool:
    """Whether a path is outside the release, once links are followed."""
    return not os.path.realpath(path).startswith(plan["tree"])


def _make_file(path: str) -> None:
    where = _room(path)
    if path.endswith(".pem") and "dh" in where.name:
        run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", path)
    else:
        where.touch()


def prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """Make the world in nginx's container."""
    for address in plan["local"]:
        run("ip", "address", "add", address, "dev", "lo")
    wait_for("the link to the stand-ins", lambda: os.path.exists(f"/sys/class/net/{LINK}"))
    run("ip", "address", "add", f"{plan['nginx']}/30", "dev", LINK)
    run("ip", "link", "set", LINK, "up")
    for network in [plan["stand_in_network"], *plan["routed"]]:
        run("ip", "route", "add", network, "via", plan["stand_in"])
    with open("/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.writelines(f"{address} {name}\n" for name, address in plan["names"].items())
    shutil.rmtree("/etc/nginx", ignore_errors=True)
    os.symlink(plan["tree"], "/etc/nginx")
    # Only now, since what outlives releases is reached by links of the release; its own bytes stay as they are.
    for path, owner in plan["directories"].items():
        if _beside(plan, path):
            Path(os.path.realpath(path)).mkdir(parents=True, exist_ok=True)
            shutil.chown(path, owner)
    for path in plan["files"]:
        if _beside(plan, path):
            _make_file(os.path.realpath(path))
    for certificate in plan["certificates"]:
        if _beside(plan, certificate["certificate"]):
            _make_certificate(certificate)
    for service in plan["services"]:
        if service["socket"]:
            start_service(service)
    return {}


def wait(plan: dict[str, Any]) -> dict[str, Any]:
    """Wait until the stand-ins answer."""
    wait_for("the container of stand-ins", lambda: connects(plan["stand_in"], CONTROL_PORT))
    return {}
