"""Reads a configuration and says what world its bytes need.

Static reading only: names and addresses of upstreams, certificates, directories, files beside the tree. What exists in
the release, or is mapped by the user, is not made again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from ..config.facts import listeners, server_names
from ..config.parse import CONF_ROOT, Config, Directive
from .model import Certificate, Endpoint, Service, World, endpoint

__all__ = ["STAND_IN_NETWORK", "synthesise"]

# Set aside for tests of network devices (RFC 2544), so no production address is in it.
STAND_IN_NETWORK = ipaddress.ip_network("198.19.0.0/16")

_PASS_PORTS = {
    "proxy_pass": 80,
    "grpc_pass": 80,
    "fastcgi_pass": 9000,
    "uwsgi_pass": 3031,
    "scgi_pass": 4000,
    "memcached_pass": 11211,
}
_FILES = ("auth_basic_user_file", "ssl_dhparam", "ssl_client_certificate", "ssl_trusted_certificate")
_FOLDERS = ("proxy_cache_path", "fastcgi_cache_path", "proxy_temp_path", "fastcgi_temp_path", "client_body_temp_path")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _endpoints(config: Config) -> Iterator[Endpoint]:
    groups = {block.args[0] for block in config.named("upstream") if block.args}
    for group in config.named("upstream"):
        for server in group.children("server"):
            if server.args and not server.args[0].startswith("unix:"):
                yield endpoint(server.args[0])
    for directive in config.named(*_PASS_PORTS):
        target = directive.args[0] if directive.args else ""
        scheme, separator, rest = target.partition("://")
        where = rest if separator else target
        if not where or where.startswith("unix:") or "$" in where:
            continue
        usual = 443 if scheme in ("https", "grpcs") else _PASS_PORTS[directive.name]
        found = endpoint(where.split("/")[0], usual)
        if found.host not in groups:
            yield found


def _certificates(config: Config, provided: Collection[str]) -> Iterator[Certificate]:
    outer = [directive for directive in config.http() if directive.name in ("ssl_certificate", "ssl_certificate_key")]
    seen = set(provided)
    for server in config.servers():
        scope = Directive("server", [], server.file, server.line, [*(server.block or []), *outer])
        certificates, keys = _first_words(scope, "ssl_certificate"), _first_words(scope, "ssl_certificate_key")
        names = tuple(name for name in server_names(server) if name and not name.startswith("~"))
        for certificate, key in zip(certificates, keys, strict=False):
            path = _absolute(certificate)
            if path not in seen and "$" not in path:
                seen.add(path)
                yield Certificate(path, _absolute(key), names)


def _first_words(block: Directive, name: str) -> list[str]:
    return [directive.args[0] for directive in block.children(name) if directive.args]


def _absolute(path: str) -> str:
    return str(PurePosixPath(CONF_ROOT, path))


def _paths(config: Config, names: Collection[str]) -> list[str]:
    found = [_absolute(directive.args[0]) for directive in config.named(*names) if directive.args]
    return sorted({path for path in found if "$" not in path})


def _log_folders(config: Config) -> Iterator[str]:
    for directive in config.named("access_log", "error_log"):
        path = directive.args[0] if directive.args else ""
        if path.startswith("/") and "$" not in path:
            yield str(PurePosixPath(path).parent)


def synthesise(
    config: Config, provided: Collection[str], docroots: Mapping[str, str], services: tuple[Service, ...]
) -> World:
    """Make the world for ``config``.

    ``provided`` are absolute paths that the release brings, ``docroots`` maps paths on the host to files of the user,
    ``services`` are the real programs of the user.
    """
    endpoints = list(dict.fromkeys(_endpoints(config)))
    real = {service.endpoint for service in services if service.endpoint}
    answering = {found.host for found in [*endpoints, *real]} - {"localhost"}
    hosts = sorted(host for host in answering if not _is_address(host))
    addresses = STAND_IN_NETWORK.hosts()
    names = {host: str(next(addresses)) for host in hosts}
    stand_ins = tuple(found for found in endpoints if found not in real)
    certificates = tuple(_certificates(config, provided))
    files = tuple(path for path in _paths(config, _FILES) if path not in provided and path not in docroots)
    roots = [path for path in _paths(config, ("root", "alias")) if not _mapped(path, docroots)]
    folders = dict.fromkeys([*roots, *_log_folders(config)], "root") | dict.fromkeys(
        _paths(config, _FOLDERS), "www-data"
    )
    local = {listen.address for server in config.servers() for listen in listeners(server)}
    invented = [
        f"the name {name} leads to a stand-in" for name in hosts if any(found.host == name for found in stand_ins)
    ]
    invented += [f"a certificate of staging's own at {made.certificate}" for made in certificates]
    invented += [f"an empty document root {path}" for path in roots] + [f"a file {path}" for path in files]
    return World(
        names=names,
        routed=tuple(sorted({host for host in answering if _is_address(host)} - {"127.0.0.1", "::1"})),
        local=tuple(
            sorted(address for address in local if _is_address(address) and address not in ("0.0.0.0", "127.0.0.1"))
        ),
        certificates=certificates,
        directories=folders,
        files=files,
        services=services,
        stand_ins=stand_ins,
        invented=tuple(invented),
    )


def _mapped(path: str, docroots: Mapping[str, str]) -> bool:
    wanted = PurePosixPath(path)
    return any(wanted.is_relative_to(known) for known in docroots)
