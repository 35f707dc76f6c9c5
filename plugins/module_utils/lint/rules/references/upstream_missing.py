"""A location leads to a bare name that no ``upstream`` has, where all others lead to upstreams.

Without a block of that name, ``proxy_pass http://app`` asks the resolver for a host ``app``. Where there is none, nginx
does not start, and does not reload.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...findings import finding
from ...variables import expanded

LEVEL = "high"

_PASSES = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass")
_BARE = re.compile(r"(?:\w+://)?([A-Za-z][\w-]*)(?:/.*)?")
_LOCAL = "localhost"


def _led_to(config: Config) -> Iterator[tuple[Directive, str]]:
    """Yield who leads to a name without a domain and a port, with the name."""
    for directive in config.named(*_PASSES):
        for word in expanded(config, directive.args[0]) if directive.args else ():
            bare = _BARE.fullmatch(word)
            if bare is not None and bare[1] != _LOCAL:
                yield directive, bare[1]


def _upstreams(config: Config) -> set[str]:
    return {each.args[0] for each in config.named("upstream") if each.args and each.block is not None}


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find names that are no upstream, where each such name of the live release is one."""
    known, before = _upstreams(config), _upstreams(live)
    names = [name for _, name in _led_to(live)]
    if not names or not known or not before.issuperset(names):
        return
    for directive, name in _led_to(config):
        if name not in known:
            yield finding(
                directive,
                f"there is no upstream {name}, so nginx asks the resolver for a host of that name",
                expected=f"one of {', '.join(sorted(known))}",
                fix=f"write an upstream that there is, or a block upstream {name}",
            )
