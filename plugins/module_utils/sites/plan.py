"""The files that come of the role's variables, each with its template and what that prints."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import values
from ..errors import InputError
from ..platforms.catalog import usual
from ..schema import Given, Model, key, keys, listing, mapping, reader
from .model import CHECKS, Site
from .printing.servers import site_view
from .references import check_sites
from .streams import StreamProxy, check_streams, stream_view

__all__ = ["TemplatedFile", "Variables", "plan"]

_KEEPALIVE_MIN_SINCE = (1, 27, 4)
_MAIN = (
    *("user", "worker_processes", "worker_connections", "gzip", "keepalive_min_timeout"),
    *("main_lines", "events_lines", "http_lines"),
)


_named_user = values.matching(r"[A-Za-z_][\w.-]*", "a user; use www-data")


@reader("str")
def _user(value: object, where: str) -> str:
    return "" if value == "" else _named_user(value, where)


@reader("str")
def _worker_processes(value: object, where: str) -> str:
    return "auto" if value == "auto" else str(values.integer(1, 10_000)(value, where))


@reader("str")
def _time_or_nothing(value: object, where: str) -> str:
    return "" if value == "" else values.time(value, where)


@dataclass(frozen=True, kw_only=True)
class Variables(Model):
    """The variables of the role ``nginx``. Those of the tree and the checks are read where they are used."""

    nginx_sites: tuple[Site, ...] = key(
        listing(mapping(Site)),
        "The typed sites. Without sites and streams the packaged C(nginx.conf) stays as it is.",
        default=[],
    )
    nginx_streams: tuple[StreamProxy, ...] = key(
        listing(mapping(StreamProxy)),
        "Servers that pass on TCP and UDP as it comes. nginx needs its module C(stream).",
        default=[],
    )
    nginx_tree: object = key(
        values.as_written("str"),
        "A directory that is laid over the packaged C(/etc/nginx), relative to the project. Files that end in C(.j2) "
        "are rendered. Its files win over rendered ones.",
        default="",
    )
    nginx_tree_trusted: object = key(
        values.as_written("bool"),
        "Whether templates of O(nginx_tree) may do what any Ansible template may, as run lookups and so any command on "
        "the controller. Set it only where nobody changes the tree who may not change playbooks. Else templates get "
        "the variables that they name (but for those that open hosts or channels, as C(ansible_password)), Jinja's own "
        "filters and those of Ansible's that only compute.",
        default=False,
    )
    nginx_checks: object = key(
        CHECKS,
        "The contract of the raw tree, in the same form as the C(checks) of a site.",
        default=[],
    )
    nginx_shared_paths: object = key(
        values.as_written("list", "str"),
        "Paths inside C(/etc/nginx) that outlive releases, as V(htpasswd) or V(tls/).",
        default=[],
    )
    nginx_needs: object = key(
        values.as_written("list", "str"),
        "What the configuration needs that the release does not contain and nobody can look up, as C(KIND:VALUE), or a "
        "value of any kind: V(name:app.internal), V(file:/etc/ssl/shop.pem). Kinds are V(file), V(directory), "
        "V(socket), V(name), V(endpoint), V(address), V(port), V(user), V(group) and V(module). A C(*) stands for "
        "anything.",
        default=[],
    )
    nginx_user: str = key(_user, "The user of the workers; by default that of the platform's packages.", default="")
    nginx_worker_processes: str = key(_worker_processes, "A number, or V(auto).", default="auto")
    nginx_worker_connections: int = key(
        values.integer(1, 1_000_000), "How many connections each worker may have.", default=1024
    )
    nginx_gzip: bool = key(values.flag, "Whether text is compressed; a site can say C(gzip: false).", default=True)
    nginx_keepalive_min_timeout: str = key(
        _time_or_nothing,
        "For how long a worker that ends after a reload keeps idle connections open, so that a request which is on its "
        "way is answered, as V(10s); nginx 1.27.4 or newer is needed. It is left to nginx unless given.",
        default="",
    )
    nginx_main_lines: tuple[str, ...] = key(
        listing(values.lines),
        "Raw lines at the top level of C(nginx.conf), as V(worker_rlimit_nofile 8192;).",
        default=[],
    )
    nginx_events_lines: tuple[str, ...] = key(listing(values.lines), "Raw lines in C(events).", default=[])
    nginx_http_lines: tuple[str, ...] = key(
        listing(values.lines), "Raw lines in C(http), before the sites.", default=[]
    )

    def check(self, given: Given) -> None:
        """Hold the sites to the rules between them."""
        check_sites(self.nginx_sites)
        check_streams(self.nginx_streams, self.nginx_sites)


@dataclass(frozen=True)
class TemplatedFile:
    """A file at ``path`` in the tree: ``template`` (in roles/nginx/templates) printed with ``variables``."""

    path: str
    template: str
    variables: dict[str, object]


def _version(settings: Mapping[str, object]) -> tuple[int, ...]:
    found = str(settings.get("nginx_version", ""))
    # OpenResty's has a part of its own at the end.
    if not re.fullmatch(r"\d+\.\d+\.\d+(\.\d+)?", found):
        raise InputError("nginx_version", f"'{found}' is not a version of nginx; expected one as 1.22.1")
    return tuple(int(part) for part in found.split(".")[:3])


def _layout(settings: Mapping[str, object]) -> Mapping[str, Any]:
    """Return where the platform's nginx has what; without a platform, as Debian has it."""
    found = settings.get("nginx_layout")
    return found if isinstance(found, Mapping) and found else dataclasses.asdict(usual())


def _in_tree(pattern: str) -> str:
    """Return a pattern of a layout as nginx reads it; some name files beside the tree."""
    return posixpath.join("/etc/nginx", pattern)


def plan(settings: Mapping[str, object]) -> list[TemplatedFile]:
    """Plan the files of the typed sites; none without sites, so that the packaged ``nginx.conf`` stays.

    ``settings`` are the role's variables, and ``nginx_version`` and ``nginx_layout`` of the platform. Raises
    ``InputError``.
    """
    known = {name: settings[name] for name in keys(Variables) if name in settings}
    variables = Variables.read_keys(Given(known, "", known))
    if not variables.nginx_sites and not variables.nginx_streams:
        return []
    version = _version(settings)
    layout = _layout(settings)
    main = {name: getattr(variables, f"nginx_{name}") for name in _MAIN}
    main["streams"] = bool(variables.nginx_streams)
    _check_version(variables, version)
    main |= {"user": variables.nginx_user or layout["user"], "pid": layout["pid"], "logs": layout["logs"]}
    main["group"] = "" if variables.nginx_user else layout.get("group", "")
    main["includes"] = [_in_tree(pattern) for pattern in layout["includes"]]
    main["enabled_modules"] = _in_tree(layout["enabled_modules"]) if layout["enabled_modules"] else ""
    files = [TemplatedFile("nginx.conf", "nginx.conf.j2", {"nginx": main})]
    opened: set[str] = set()
    for site in variables.nginx_sites:
        own = {item.key for item in site.tls.listen} - opened if site.http3 and site.tls else set()
        opened |= own
        view: dict[str, object] = {"site": site_view(site, version, own)}
        files.append(TemplatedFile(str(layout["sites"]).replace("{name}", site.name), "site.conf.j2", view))
    for stream in variables.nginx_streams:
        values_of_it: dict[str, object] = {"stream": stream_view(stream)}
        files.append(TemplatedFile(f"streams-enabled/{stream.name}.conf", "stream.conf.j2", values_of_it))
    return files


def _check_version(variables: Variables, version: tuple[int, ...]) -> None:
    if variables.nginx_keepalive_min_timeout and version < _KEEPALIVE_MIN_SINCE:
        found, wanted = (".".join(map(str, each)) for each in (version, _KEEPALIVE_MIN_SINCE))
        raise InputError(
            "nginx_keepalive_min_timeout",
            f"nginx {found} does not know it; {wanted} or newer is needed: drop it, or upgrade the hosts",
        )
