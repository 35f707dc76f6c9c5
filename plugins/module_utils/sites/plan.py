"""The files that come of the role's variables, each with its template and what that prints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InputError
from .model import parse_sites
from .printing.servers import site_view
from .reading import values
from .reading.fields import listing

__all__ = ["TemplatedFile", "plan"]


@dataclass(frozen=True)
class TemplatedFile:
    """A file at ``path`` in the tree: ``template`` (in roles/nginx/templates) printed with ``variables``."""

    path: str
    template: str
    variables: dict[str, object]


def _version(settings: Mapping[str, object]) -> tuple[int, ...]:
    found = str(settings.get("nginx_version", ""))
    if not re.fullmatch(r"\d+\.\d+\.\d+", found):
        raise InputError("nginx_version", f"'{found}' is not a version of nginx; expected one as 1.22.1")
    return tuple(int(part) for part in found.split("."))


def _worker_processes(value: object, where: str) -> str:
    return "auto" if value == "auto" else str(values.integer(1, 10_000)(value, where))


def _nginx_conf(settings: Mapping[str, object]) -> dict[str, object]:
    raw = listing(values.lines)
    user = values.matching(r"[A-Za-z_][\w.-]*", "a user; use www-data")
    return {
        "user": user(settings.get("nginx_user", "www-data"), "nginx_user"),
        "worker_processes": _worker_processes(settings.get("nginx_worker_processes", "auto"), "nginx_worker_processes"),
        "worker_connections": values.integer(1, 1_000_000)(
            settings.get("nginx_worker_connections", 1024), "nginx_worker_connections"
        ),
        "gzip": values.flag(settings.get("nginx_gzip", True), "nginx_gzip"),
        "main_lines": raw(settings.get("nginx_main_lines", []), "nginx_main_lines"),
        "events_lines": raw(settings.get("nginx_events_lines", []), "nginx_events_lines"),
        "http_lines": raw(settings.get("nginx_http_lines", []), "nginx_http_lines"),
    }


def plan(settings: Mapping[str, object]) -> list[TemplatedFile]:
    """Plan the files of the typed sites; none without sites, so that the packaged ``nginx.conf`` stays.

    ``settings`` are the role's variables and ``nginx_version`` of the platform. Raises ``InputError``.
    """
    sites = parse_sites(settings.get("nginx_sites", []))
    main = _nginx_conf(settings)
    if not sites:
        return []
    version = _version(settings)
    files = [TemplatedFile("nginx.conf", "nginx.conf.j2", {"nginx": main})]
    return files + [
        TemplatedFile(f"sites-enabled/{site.name}.conf", "site.conf.j2", {"site": site_view(site, version)})
        for site in sites
    ]
