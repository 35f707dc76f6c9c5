"""A protection that is in force in a block of the live release is not in force there any more.

A limit, a password, ``deny all``, the verification of a certificate, what keeps private pages out of the cache,
``backup``, ``TLSv1.3``, ``try_files $uri =404`` before a PHP on the same host, an empty ``Accept-Encoding`` for what is
cached or filtered. Every request that is tried still succeeds. A block that now answers with ``return`` needs none
of it, and one that passes nothing on needs nothing that is about upstreams. A limit that was moved to other blocks
was narrowed, and a cache whose zone is gone as well was given up. The place that ``auth_request`` asks needs no
password itself, and neither does ``/favicon.ico``. A private network may be widened by eight bits. Stapling is no
protection any more: authorities have given OCSP up.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ....config.facts import listeners
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered, by_key, location_kind, place_of

LEVEL = "high"

# In force unless the first word says otherwise.
_PROTECTIONS = (
    *("limit_req", "limit_conn", "limit_rate", "limit_except", "auth_basic", "auth_request", "auth_jwt", "internal"),
    *("secure_link", "valid_referers", "disable_symlinks", "modsecurity", "proxy_ssl_verify", "grpc_ssl_verify"),
    *("proxy_ssl_server_name", "grpc_ssl_server_name", "proxy_intercept_errors", "fastcgi_intercept_errors"),
    # How long a cache keeps what, and who waits for it, protects nobody.
    *("proxy_cache", "proxy_no_cache", "proxy_cache_bypass"),
    *("fastcgi_cache", "fastcgi_no_cache", "fastcgi_cache_bypass"),
    *("proxy_cache_use_stale", "fastcgi_cache_use_stale", "proxy_hide_header", "fastcgi_hide_header"),
    *("proxy_next_upstream", "set_real_ip_from", "real_ip_header"),
)
_OF_SERVERS = ("ssl_verify_client", "underscores_in_headers")
_OF_UPSTREAMS = ("ip_hash", "hash", "least_conn", "sticky", "keepalive")
_OFF = ("off", "none", "no")
_PROTOCOLS = ("proxy", "fastcgi", "grpc")
_OF_THIS_HOST = ("unix:", "127.", "localhost:", "[::1]:")
_LIMITS = ("limit_req", "limit_conn", "limit_rate")
# What nginx does by default is no loss.
_USUAL = {"real_ip_header": ["X-Real-IP"], "proxy_next_upstream": ["error", "timeout"]}
_TELLS = re.compile(
    r"(?i)x-(?!frame-options|content-type-options|xss-protection|robots-tag)|server$|via$|set-cookie|www-authenticate"
)
# They are about a cache, and do nothing without one.
_OF_CACHES = re.compile(r"(\w+)_(?:cache_\w+|no_cache)")
_ABOUT_CACHES = re.compile(r"(\w+?)_(?:cache(?:_\w+)?|no_cache)")
# Better off than on, where somebody switched it off: streams, uploads.
_SWITCHED_OFF = ("proxy_buffering", "proxy_request_buffering", "fastcgi_buffering", "fastcgi_request_buffering")
_OF_VISITORS = ("auth_basic", "auth_request", "auth_jwt")
# What browsers and robots fetch before anybody has a password.
_FOR_ALL = ("/favicon.ico", "/robots.txt")
# A network of an office or a data centre has as many bits; more of them is a slip, or everybody.
_NEIGHBOURS = 8
_OLD_PROTOCOLS = frozenset({"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"})


class _Loss(NamedTuple):
    """A protection that is lost; ``place`` is the line that tells, where it is not the first of that name."""

    name: str
    became: str
    before: Directive
    place: Directive | None = None


def _on(directives: Sequence[Directive]) -> list[Directive]:
    return [
        each
        for each in directives
        if each.args[:1] not in [[off] for off in _OFF] and each.args != _USUAL.get(each.name) and not _is_plain(each)
    ]


def _is_plain(directive: Directive) -> bool:
    """Return whether a header is hidden that says nothing of the machine or the visitor, as its disposition."""
    return directive.name.endswith("_hide_header") and not _TELLS.match(directive.args[0] if directive.args else "")


def _protections(before: BlockScope, now: BlockScope, names: Sequence[str]) -> Iterator[_Loss]:
    for name in names:
        protocol = name.partition("_")[0]
        if now.kind == "location" and protocol in _PROTOCOLS and not now.passes_on(protocol):
            continue
        cache = _OF_CACHES.fullmatch(name)
        if cache and not _on(before.effective(f"{cache[1]}_cache")):
            continue
        had = _on(before.effective(name))
        if had and not _on(now.effective(name)):
            yield _Loss(name, "is no longer in force; in the live release it is", had[0])


def _switches(before: BlockScope, now: BlockScope) -> Iterator[_Loss]:
    for name in _SWITCHED_OFF:
        if now.kind == "location" and not now.passes_on(name.partition("_")[0]):
            continue
        if before.value(name, "on") == "off" and now.value(name, "on") == "on":
            yield _Loss(name, "is now on; in the live release it is off", before.effective(name)[0])
    logs = before.effective("access_log")
    # Who writes ``off`` means it; who takes a line out may not know of the ``off`` around it.
    if _on(logs) and now.value("access_log") == "off" and "access_log" not in now.own and _is_off_around(before):
        yield _Loss("access_log", "is now off; in the live release it is on", logs[0])
    yield from _widened(before, now)
    closed = [each for each in before.effective("deny") if each.args == ["all"]]
    if closed and ["all"] not in [each.args for each in now.effective("deny")]:
        yield _Loss("deny all", "is no longer in force; in the live release it is", closed[0])


def _is_off_around(scope: BlockScope) -> bool:
    around = scope.outer
    while around is not None:
        if "access_log" in around.own and not _on(around.own["access_log"]):
            return True
        around = around.outer
    return False


def _networks(scope: BlockScope) -> dict[str, Directive]:
    return {each.args[0]: each for each in scope.effective("allow") if each.args}


def _is_within(narrow: str, wide: str) -> bool:
    """Return whether a network is part of another; ``all`` and ``unix:`` are no networks."""
    try:
        ours, theirs = ipaddress.ip_network(narrow, strict=False), ipaddress.ip_network(wide, strict=False)
    except ValueError:
        return False
    return ours.version == theirs.version and ours.network_address in theirs and ours.prefixlen > theirs.prefixlen


def _is_of_neighbours(narrow: str, wide: str) -> bool:
    """Return whether a network of one's own was widened to those beside it: nobody from outside is let in by that."""
    ours, theirs = ipaddress.ip_network(narrow, strict=False), ipaddress.ip_network(wide, strict=False)
    return theirs.is_private and ours.prefixlen - theirs.prefixlen <= _NEIGHBOURS


def _widened(before: BlockScope, now: BlockScope) -> Iterator[_Loss]:
    old, new = _networks(before), _networks(now)
    for narrow in old.keys() - new.keys():
        for wide in sorted(new.keys() - old.keys()):
            if _is_within(narrow, wide) and not _is_of_neighbours(narrow, wide):
                yield _Loss("allow", f"now admits {wide}; in the live release only {narrow}", old[narrow])


def _speaks_tls(server: BlockScope) -> bool:
    """Return whether a server has a listener for TLS, or does not say where it listens."""
    listens = server.own.get("listen", ())
    return not listens or (server.block is not None and any(each.tls for each in listeners(server.block)))


def _protocols(before: BlockScope, now: BlockScope) -> Iterator[_Loss]:
    had, has = ({word for each in scope.effective("ssl_protocols") for word in each.args} for scope in (before, now))
    if had and has:
        where = before.effective("ssl_protocols")[0]
        for word in sorted((has - had) & _OLD_PROTOCOLS):
            yield _Loss("ssl_protocols", f"now offers {word}; in the live release it does not", where)
        # Who offers the newest one alone means it.
        newest = max(had - _OLD_PROTOCOLS, default="")
        if newest and newest not in has:
            yield _Loss("ssl_protocols", f"no longer offers {newest}; in the live release it does", where)


def _spares(before: BlockScope, now: BlockScope) -> Iterator[_Loss]:
    spare = {each.args[0]: each for each in before.own.get("server", ()) if "backup" in each.args}
    for each in now.own.get("server", ()):
        if each.args and each.args[0] in spare and "backup" not in each.args:
            became = f"{each.args[0]} is no longer a backup, so it takes its share of all requests"
            yield _Loss("server", became, spare[each.args[0]], each)


def _is_on_this_host(scope: BlockScope, upstreams: Mapping[str, Directive]) -> bool:
    """Return whether scripts go to a program on this host, which has the files that nginx sees: a socket, loopback."""
    name = scope.value("fastcgi_pass")
    servers = upstreams[name].children("server") if name in upstreams else []
    members = [each.args[0] for each in servers if each.args] or [name]
    return all(each.startswith(_OF_THIS_HOST) for each in members)


def _looks(before: BlockScope, now: BlockScope, upstreams: Mapping[str, Directive]) -> Iterator[_Loss]:
    """Find what no longer keeps a program from what is no script, and a cache from what not everybody can read."""
    script = next((each for each in before.own.get("try_files", ()) if each.args[-1:] == ["=404"]), None)
    # A condition may be another manner to look whether the script is there.
    looked = {"try_files", "if"} & now.own.keys()
    if script and not looked and now.passes_on("fastcgi") and _is_on_this_host(now, upstreams):
        yield _Loss("try_files", "no longer looks whether the script is there; in the live release it does", script)
    had, has = (
        next(filter(_asks_for_plain_text, scope.effective("proxy_set_header")), None) for scope in (before, now)
    )
    kept = _on(now.effective("proxy_cache")) or now.effective("sub_filter")
    if had and not has and kept and now.passes_on("proxy"):
        yield _Loss("proxy_set_header", "no longer asks for text without compression; in the live release it does", had)


def _asks_for_plain_text(directive: Directive) -> bool:
    return [each.lower() for each in directive.args] == ["accept-encoding", ""]


def _lost(before: BlockScope, now: BlockScope, upstreams: Mapping[str, Directive]) -> Iterator[_Loss]:
    if before.kind == "upstream":
        yield from _protections(before, now, _OF_UPSTREAMS)
        yield from _spares(before, now)
        return
    if before.kind == "server":
        yield from _protections(before, now, _OF_SERVERS)
        if _speaks_tls(now):
            yield from _protocols(before, now)
    if now.answers and "return" not in now.own:
        yield from _protections(before, now, _PROTECTIONS)
        yield from _switches(before, now)
        yield from _looks(before, now, upstreams)


def _asked_by_nginx(config: Config) -> set[str]:
    """Return the paths that ``auth_request`` asks: who tells whether a visitor may pass does not ask himself."""
    return {each.args[0] for each in config.named("auth_request") if each.args and each.args != ["off"]}


def _needs_no_password(scope: BlockScope, asked: Collection[str]) -> bool:
    if scope.kind != "location" or scope.block is None:
        return False
    kind, path = location_kind(scope.block)
    return (kind == "=" and path in _FOR_ALL) or path in asked


def _limit(line: Directive) -> str:
    """Return what makes two limits the same one: its zone, however many requests may wait."""
    zone = next((word for word in line.args if word.startswith("zone=")), line.text)
    return f"{line.name} {line.args[0] if line.name == 'limit_conn' and line.args else zone}"


def _moved(config: Config, live: Config) -> set[str]:
    """Return the limits that stand in a block which had them not, or was not there, in live."""
    before = by_key(live)
    found = set()
    for key, scope in by_key(config, live).items():
        for name in _LIMITS:
            had = {_limit(each) for each in before[key].own.get(name, ())} if key in before else set()
            found.update({_limit(each) for each in scope.own.get(name, ())} - had)
    return found


def _given_up(config: Config, live: Config) -> set[str]:
    """Return the protocols of which the live release has a cache, and this one neither a zone nor who uses one."""
    return {
        name
        for name in _PROTOCOLS
        if live.named(f"{name}_cache_path")
        and not config.named(f"{name}_cache_path")
        and not config.named(f"{name}_cache")
    }


def _is_of(loss: _Loss, given_up: Collection[str]) -> bool:
    found = _ABOUT_CACHES.fullmatch(loss.name)
    return found is not None and found[1] in given_up


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find protections that are in force in a block of the live release and not in the same block of the candidate."""
    # A line that was lost for many blocks was lost once.
    reported: set[tuple[str, int]] = set()
    moved = _moved(config, live)
    given_up = _given_up(config, live)
    asked = _asked_by_nginx(config)
    upstreams = {each.args[0]: each for each in config.named("upstream") if each.args}
    for before, scope in altered(config, live):
        for loss in _lost(before, scope, upstreams):
            if loss.name in _OF_VISITORS and _needs_no_password(scope, asked):
                continue
            what = f"{loss.name} {loss.became}"
            if (what, id(loss.before)) in reported or _limit(loss.before) in moved or _is_of(loss, given_up):
                continue
            reported.add((what, id(loss.before)))
            written = scope.own.get(loss.name.split()[0], ())
            place = loss.place or (written[0] if written else place_of(scope, config))
            yield finding(place, what, expected=loss.before.text, actual=scope.text, fix="restore it")
