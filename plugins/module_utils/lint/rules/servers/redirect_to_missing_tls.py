"""A server without TLS redirects every request to ``https`` at its own name, where no server of the release answers.

``if ($scheme = http)`` always holds where nothing listens for TLS. Behind a balancer that ends TLS everybody is
redirected for ever, and without one nobody serves the site. Where something else would be answered, as by
``proxy_pass`` in a location, that is never reached. What the request decides passes, as
``if ($http_x_forwarded_proto = http)``; so does a server that does nothing but redirect, one whose names another server
has, and a release with a ``stream`` server for TLS. A ``return`` without a condition is another rule's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ....config.facts import Listen, listeners, server_names
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import location_kind

LEVEL = "medium"
NEW = "high"

_ALWAYS = (("$scheme", "=", "http"), ("$scheme", "!=", "https"), ("$https", "=", ""), ("$https", "!=", "on"))
_EVERY_PATH = re.compile(r"\^?(?:/\??)?(?:\(?\.[*+]\)?\$?)?")
_SAME_PATH = re.compile(r"\$\{?(?:request_uri|uri|document_uri|1)\b")
_TARGET = re.compile(r"https://(\$\{?(?:host|http_host|server_name)\}?|[^/$:?]+)(?:[/$?].*)?")
_OWN = re.compile(r"\$\{?(?:host|http_host|server_name)\}?")
_ANSWERS = ("root", "alias", "try_files")
_FLAGS = ("break", "last")
# A port that TLS is usual at may have its TLS from something in front.
_TLS_PORTS = (443, 8443)
_LOCAL = ("127.", "localhost", "[::1]", "unix:")


def _redirect(directive: Directive) -> str:
    """Return where a ``return`` or ``rewrite`` redirects every request to; empty where it does not."""
    args = directive.args
    if directive.name == "return":
        return args[-1] if args and (len(args) == 1 or args[0].startswith("30")) else ""
    is_every = directive.name == "rewrite" and len(args) > 1 and _EVERY_PATH.fullmatch(args[0])
    return args[1] if is_every and args[-1] not in _FLAGS else ""


def _redirects(block: Directive) -> Iterator[tuple[Directive, str]]:
    """Yield what redirects all requests of a block, with its target, in so far as nothing before it ends them."""
    for directive in block.block or ():
        if directive.name == "if" and tuple(directive.args) in _ALWAYS:
            first = next((each for each in directive.block or () if each.name in ("return", "rewrite")), None)
            if first is not None:
                yield first, _redirect(first)
        elif directive.name == "rewrite":
            yield directive, _redirect(directive)
        if directive.name in ("if", "rewrite", "break") and any(map(_ends, directive.walk())):
            return


def _ends(directive: Directive) -> bool:
    """Return whether a directive keeps those behind it from being asked."""
    return directive.name in _FLAGS or (directive.name == "rewrite" and directive.args[-1] in _FLAGS)


def _would_answer(location: Directive) -> bool:
    """Return whether a location is there for something else than redirects."""
    if location_kind(location)[1].startswith(("@", "/.well-known")) or location.children("internal"):
        return False
    return any(each.name in _ANSWERS or each.name.endswith("_pass") for each in location.block or ())


def _base(name: str) -> str:
    return name.removeprefix("*").lstrip(".").removesuffix(".*")


def _is_any(name: str) -> bool:
    return name in ("", "_") or name.startswith("~")


def _share(one: str, other: str) -> bool:
    """Return whether a host may have two names, of which each may be a pattern."""
    if _is_any(one) or _is_any(other):
        return True
    if _base(one) == _base(other):
        return True
    pairs = ((one, other), (other, one))
    return any(wide.startswith(("*", ".")) and _base(name).endswith(f".{_base(wide)}") for wide, name in pairs)


def _speaks_tls(listen: Listen) -> bool:
    return listen.tls or listen.port in _TLS_PORTS


def _is_open(server: Directive) -> bool:
    return any(not listen.address.startswith(_LOCAL) for listen in listeners(server))


def _answers_for(other: Directive, server: Directive) -> bool:
    """Return whether another server may answer what a server redirects to ``https``."""
    heard = listeners(other)
    tls = any(map(_speaks_tls, heard))
    names = [name.lower() for name in server_names(other)]
    own = [name.lower() for name in server_names(server)]
    if tls and any(listen.default for listen in heard):
        return True
    # At the same port, one for all names is not asked for these.
    elsewhere = tls or (_is_open(other) and {each.port for each in heard} != {each.port for each in listeners(server)})
    return any(_share(one, each) for one in names for each in own if elsewhere or not _is_any(one))


def _ends_of(name: str) -> list[str]:
    """List a name and the domains around it."""
    labels = _base(name.lower()).split(".")
    return [".".join(labels[number:]) for number in range(len(labels))]


class _Servers:
    """The servers by their names, so that not each of thousands is asked for the names of each."""

    def __init__(self, servers: Sequence[Directive]) -> None:
        self._all = servers
        self._for_all: list[Directive] = []
        self._named: dict[str, list[Directive]] = {}
        self._within: dict[str, list[Directive]] = {}
        for server in servers:
            names = server_names(server)
            if any(map(_is_any, names)) or any(_speaks_tls(each) and each.default for each in listeners(server)):
                self._for_all.append(server)
            for name in names:
                own, *around = _ends_of(name)
                self._named.setdefault(own, []).append(server)
                for domain in around:
                    self._within.setdefault(domain, []).append(server)

    def others(self, server: Directive) -> Iterator[Directive]:
        """Yield the servers that may have a name of a server, or every name; some more than once."""
        names = server_names(server)
        yield from (each for each in (self._all if any(map(_is_any, names)) else self._for_all) if each is not server)
        for name in names:
            ends = _ends_of(name)
            found = [self._named.get(end, ()) for end in ends] + [self._within.get(ends[0], ())]
            yield from (each for group in found for each in group if each is not server)


def _tls_in_stream(config: Config) -> bool:
    servers = [each for block in config.directives if block.name == "stream" for each in block.children("server")]
    return any(_speaks_tls(listen) for server in servers for listen in listeners(server))


def _dead(server: Directive) -> Iterator[tuple[Directive, str, Directive]]:
    """Yield each redirect of every request with its target, and a location that is not reached for it."""
    locations = [each for each in server.children("location") if _would_answer(each)]
    for directive, target in _redirects(server):
        # A server that only redirects includes what all servers include.
        is_alone = any(directive is each for each in server.children("rewrite"))
        near = [each for each in locations if not is_alone or each.file == directive.file]
        yield from ((directive, target, each) for each in near[:1])
    for location in locations:
        found = ((directive, target, location) for directive, target in _redirects(location))
        # A page that has moved to another path comes back to this server by another location.
        yield from (each for each in found if _SAME_PATH.search(each[1]))


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find redirects of whole servers to TLS that nothing in the release speaks."""
    if _tls_in_stream(config):
        return
    servers: _Servers | None = None
    for server in config.servers():
        if any(map(_speaks_tls, listeners(server))):
            continue
        own = [name.lower() for name in server_names(server)]
        for directive, target, location in _dead(server):
            match = _TARGET.fullmatch(target)
            if match is None or not (_OWN.fullmatch(match[1]) or match[1].lower() in own):
                continue
            servers = servers or _Servers(config.servers())
            if any(_answers_for(each, server) for each in servers.others(server)):
                break
            yield finding(
                directive,
                f"{location.text} is never reached: every request is redirected to {target}, and no server listens "
                "with TLS",
                expected="a server that listens with TLS for the same names; or a condition that the request decides, "
                'as if ($http_x_forwarded_proto = "http")',
                fix="add the server for TLS, or take the redirect out",
            )
            break
