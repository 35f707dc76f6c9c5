"""A key no longer contains a variable that it has in the live release.

Without ``$host`` in ``proxy_cache_key`` one customer gets the pages of another, and a limit without
``$binary_remote_addr`` counts all clients together. Variables that keep the same things apart may replace each other.
A variable of ``set`` or ``map`` counts as what it is made of, but for ``$slice_range``: ``set`` keeps that of the first
slice. Who writes other variables into a condition means another condition.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...scopes import BlockScope, altered
from ...variables import made_of, names_in

LEVEL = "high"

_KEYS = (
    *("proxy_cache_key", "fastcgi_cache_key", "uwsgi_cache_key", "scgi_cache_key", "proxy_no_cache"),
    *("proxy_cache_bypass", "fastcgi_no_cache", "fastcgi_cache_bypass", "hash", "limit_req_zone", "limit_conn_zone"),
)
_EFFECTS = (
    ("_zone", "key", "clients that were counted apart share one bucket"),
    ("_cache_key", "key", "different responses share one cache entry"),
    ("_no_cache", "condition", "responses are stored that were not"),
    ("_bypass", "condition", "requests are answered from the cache that were not"),
    ("hash", "key", "requests that were kept apart go to the same server"),
)
# These keep apart the same things, the first of a row no fewer than the others.
_ALIKE = (
    {"remote_addr", "binary_remote_addr", "realip_remote_addr"},
    {"host", "http_host", "server_name"},
    {"uri", "document_uri", "request_uri"},
    {"args", "query_string", "is_args", "request_uri"},
    {"scheme", "https"},
)
# Each slice of a file has its own.
_OF_SLICES = frozenset({"slice_range"})


def _keys(config: Config, scope: BlockScope) -> dict[str, tuple[Directive, set[str]]]:
    """Map the name of each key, for a zone with the zone's, to its directive and the variables in it."""
    found: dict[str, tuple[Directive, set[str]]] = {}
    for name in _KEYS:
        for each in scope.own.get(name, ()):
            zone = next((arg[5:].split(":")[0] for arg in each.args if arg.startswith("zone=")), "")
            about = f'{name} "{zone}"' if zone else name
            earlier = found[about][1] if about in found else set()
            found[about] = (each, earlier.union(*(_parts(config, arg) for arg in each.args)))
    return found


def _parts(config: Config, text: str) -> frozenset[str]:
    """Return the variables that a key is made of; ``set`` takes the range of the first slice, and keeps it."""
    return made_of(config, text) - (_OF_SLICES - set(names_in(text)))


def _kept(variable: str, variables: set[str]) -> bool:
    if variable == "request_uri":
        return bool(variables & {"uri", "document_uri"}) and bool(variables & {"args", "query_string"})
    return variable in variables or any(variable in row and row & variables for row in _ALIKE)


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find keys that lack a variable which they have in the same block of the live release."""
    for before, scope in altered(config, live):
        old = _keys(live, before)
        for name, (directive, variables) in _keys(config, scope).items():
            had = old[name][1] if name in old else set()
            gone = [f"${word}" for word in sorted(had) if word not in variables and not _kept(word, variables)]
            kind, effect = next(row[1:] for row in _EFFECTS if directive.name.endswith(row[0]))
            if gone and not (kind == "condition" and variables - had):
                yield finding(
                    directive,
                    f"{name}: {kind} no longer contains {', '.join(gone)}, so {effect}",
                    expected=old[name][0].text,
                    fix=f"restore {', '.join(gone)}",
                )
