"""A new host, certificate or upstream has the name of another environment, as ``staging`` in production.

Reported are words such as ``staging``, ``test`` and ``dev`` that the live release contains nowhere, so the
configuration of staging itself passes, and so does a new host that has such a name itself, or is called ``beta``; and
``localhost`` where the live release has another machine. An upstream that is called like another one but for such a
word is reported in any case: ``app-stage.internal`` beside ``app-prod.internal``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.facts import listeners, server_names
from ....config.parse import Config, Directive
from ....untrusted import whole_number
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import altered, by_key

LEVEL = "high"

_ENVIRONMENTS = (
    *("staging", "stage", "stg", "dev", "devel", "development", "test", "testing", "tst", "qa", "uat", "preprod"),
    *("preproduction", "preview", "sandbox", "snakeoil", "localdev"),
)
# These say what is asked for, and not where it leads.
_ASKED = ("location", "if", "log_format", "types")
_ASKED_FIRST = ("proxy_cookie_path", "proxy_redirect", "rewrite", "sub_filter")
# They name a place of the site itself, unless there is a host in it.
_OF_THE_SITE = ("error_page", "return", "rewrite", "try_files")
# A host of that name is none of production either, however its environment is called elsewhere.
_TRIALS = frozenset({"alpha", "beta", "canary", "demo"})
_LOOPBACK = re.compile(r"(?:^|//|@)(localhost|127\.\d+\.\d+\.\d+|\[::1\])(?=$|[:/])")
_PORT = re.compile(r":(\d{1,5})(?=$|/)")
_OF_THE_WEB = (80, 443)
_WORD = re.compile(r"[a-z]+")
_OF_PRODUCTION = ("prod", "production", "prd", "live")
_HOST = re.compile(r"\w+://([\w.-]+)")


def _words(config: Config) -> set[str]:
    return {word for directive in config.walk() for arg in [directive.name, *directive.args] for word in _parts(arg)}


def _parts(arg: str) -> list[str]:
    return _WORD.findall(arg.lower())


def _leads(arg: str) -> bool:
    """Return whether an argument is a host, a URL or a path, and no text, and no device."""
    return (
        ("." in arg or "/" in arg)
        and (" " not in arg or "://" in arg)
        and not arg.rpartition(":")[2].startswith("/dev/")
    )


def _led_to(directive: Directive) -> list[str]:
    """Return the arguments of a line that say where something is."""
    first = 1 if directive.name in _ASKED_FIRST else 0
    found = [arg for arg in directive.args[first:] if _leads(arg)]
    if directive.name in _OF_THE_SITE:
        return [host[1] for host in map(_HOST.match, found) if host]
    return found


def _loopback(directive: Directive) -> str:
    match = _LOOPBACK.search(directive.args[0]) if directive.args else None
    return match[1] if match and directive.name in ("server", "proxy_pass", "grpc_pass", "fastcgi_pass") else ""


def _port(directive: Directive) -> int | None:
    match = _PORT.search(directive.args[0])
    return whole_number(match[1]) if match else None


def _hosts(config: Config) -> Iterator[tuple[Directive, str]]:
    for directive in config.named("proxy_pass", "grpc_pass"):
        found = _HOST.match(directive.args[0]) if directive.args else None
        if found:
            yield directive, found[1].lower()


def _any_environment(host: str) -> str:
    """Return a host with a star for each word of an environment."""
    return _WORD.sub(lambda found: "*" if found[0] in (*_ENVIRONMENTS, *_OF_PRODUCTION) else found[0], host)


def _twins(config: Config, live: Config) -> list[tuple[Directive, str, str]]:
    """Find new upstreams that are called like one of live, but for the environment."""
    before = {host for _, host in _hosts(live)}
    kept = {_any_environment(host): host for host in before if not {*_parts(host)} & {*_ENVIRONMENTS}}
    return [
        (directive, host, kept[_any_environment(host)])
        for directive, host in _hosts(config)
        if host not in before and {*_parts(host)} & {*_ENVIRONMENTS} and _any_environment(host) in kept
    ]


def _became_local(config: Config, live: Config) -> list[tuple[Directive, str]]:
    """Find upstreams that were elsewhere and are now on the host itself, at the same place of the configuration.

    A port at which the release itself listens is where it is meant to be.
    """
    own = {each.port for server in config.named("server") for each in listeners(server)} - {*_OF_THE_WEB}
    found = []
    for before, scope in altered(config, live):
        for name in ("server", "proxy_pass", "grpc_pass", "fastcgi_pass"):
            then = before.own.get(name, ())
            now = [each for each in scope.own.get(name, ()) if each.block is None and _loopback(each)]
            if then and now and not any(each.block is not None or _loopback(each) for each in then):
                found += [(each, _loopback(each)) for each in now if _port(each) not in own]
    return found


def _of_new_hosts(config: Config, live: Config) -> dict[int, set[str]]:
    """Map the ids of directives in servers that live has not to the words of the server's names."""
    before, found = by_key(live), dict[int, set[str]]()
    for key, scope in by_key(config, live).items():
        if scope.kind == "server" and scope.block and key not in before:
            named = {word for name in server_names(scope.block) for word in _parts(name)}
            words = {*_ENVIRONMENTS} if named & _TRIALS else named & {*_ENVIRONMENTS}
            found.update({id(each): words for each in scope.block.walk()} if words else {})
    return found


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find words of environments that are new against the live release, and upstreams that became the host itself."""
    known, of_hosts = _words(live), _of_new_hosts(config, live)
    found = [
        (directive, f"{word} suggests another environment; the live release does not contain it")
        for directive in config.walk()
        if directive.block is None and directive.name not in _ASKED
        for word in dict.fromkeys(part for arg in _led_to(directive) for part in _parts(arg))
        if word in _ENVIRONMENTS and word not in known and word not in of_hosts.get(id(directive), ())
    ]
    found += [
        (directive, f"{word} suggests another environment; the live release has another machine here")
        for directive, word in _became_local(config, live)
    ]
    twins = _twins(config, live)
    found = [each for each in found if id(each[0]) not in {id(directive) for directive, _, _ in twins}]
    found += [(directive, f"{host} is {other} of another environment") for directive, host, other in twins]
    for directive, what in found:
        yield finding(
            directive,
            what,
            expected="the host, file or upstream of this environment",
            fix="write the name that belongs here",
        )
