"""Requests that ask a stub for another answer than its usual one: failures, cookies, redirects of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..config.derive import DerivedRequest
from ..config.parse import Config, Directive
from ..config.samples import matching
from ..untrusted import whole_number

__all__ = ["is_granted", "overridden", "statuses"]

_USUAL = (404, 500, 503)
_MOST = 8
_HEADER = "X-Sluice-Answer"
_NO_ANSWER = ("502", "504")
_PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")


def statuses(config: Config) -> list[int]:
    """The failures that upstreams are asked for: the usual ones, and what the configuration has pages for."""
    words = (whole_number(word) for each in config.named("error_page") for word in each.args[:-1])
    found = {code for code in words if code is not None}
    return [*_USUAL, *sorted({status for status in found if status >= 400} - set(_USUAL))][:_MOST]


def overridden(
    asked: DerivedRequest, place: Directive, server: Directive, failures: list[int]
) -> Iterator[DerivedRequest]:
    """Yield what a location that passes requests on is asked; failures last, since they spoil upstreams."""
    passes = [each for each in place.block or [] if each.name in _PASSES]
    for target in _moved(place, server) if passes else []:
        yield _wish(asked, 1, status=302, headers={"Location": target})
    for cookie in _cookies(place, server) if passes else []:
        yield _wish(asked, 1, headers={"Set-Cookie": cookie})
    for status in failures if passes else []:
        yield _wish(asked, 2, status=status)
    if passes:
        yield _wish(asked, 2, close=True)
    if place.children("memcached_pass"):
        # Stubs know no such key.
        yield asked._replace(target=f"{asked.target}sluice-miss")
        yield asked._replace(target=f"{asked.target}?sluice-miss")


def is_granted(request: DerivedRequest, status: str, met: Sequence[Directive] = ()) -> bool:
    """Return whether a status is the one that the request asks its upstream for, or the one that ``error_page`` makes
    of it in the blocks that the request ``met``.
    """
    # What a check asks for by itself is its own affair, and may be anything.
    if not request.late:
        return False
    overrides = [json.loads(value) for name, value in request.headers if name == _HEADER]
    wanted = {str(override["status"]) for override in overrides if "status" in override}
    wanted.update(_NO_ANSWER if any(override.get("close") for override in overrides) else ())
    return status in wanted or status in _replaced(wanted, met)


def _replaced(statuses: Collection[str], met: Sequence[Directive]) -> set[str]:
    """Return the codes that the ``error_page`` lines in force, those of the innermost block, answer statuses with."""
    pages = next(filter(None, (block.children("error_page") for block in reversed(met))), [])
    told = [each for each in pages if not {*statuses}.isdisjoint(each.args)]
    return {word[1:] for each in told for word in each.args if word.startswith("=")}


def _wish(asked: DerivedRequest, late: int, **answer: Any) -> DerivedRequest:
    return asked._replace(headers=(*asked.headers, (_HEADER, json.dumps(answer))), late=late)


def _moved(place: Directive, server: Directive) -> list[str]:
    """Where upstreams may redirect to, when ``proxy_redirect`` is written: what it is about, and themselves.

    A name without a dot is one of a group, which is nobody's business outside and may be renamed.
    """
    written = place.children("proxy_redirect") or server.children("proxy_redirect")
    passes = place.children("proxy_pass") if written else []
    found = []
    for each in [*passes, *written]:
        text = each.args[0] if each.args else ""
        plain = matching(text.lstrip("~*"))[:1] if text.startswith("~") else [] if "$" in text else [text]
        for target in plain:
            host = urlsplit(target).hostname or ""
            if target.startswith("/") or "." in host:
                found.append(f"{target.rstrip('/')}/sluice")
    return found[:_MOST]


def _cookies(place: Directive, server: Directive) -> list[str]:
    """Cookies as upstreams may set them, with the paths, domains and names that directives are about."""
    found = ["sluice=1; Path=/"]
    for each in [*(place.block or []), *(server.block or [])]:
        if each.name not in ("proxy_cookie_path", "proxy_cookie_domain", "proxy_cookie_flags") or each.args == ["off"]:
            continue
        text = each.args[0]
        plain = matching(re.sub(r"^~\*?", "", text))[:1] if text.startswith("~") else [text]
        for word in plain if "$" not in text or text.startswith("~") else []:
            if each.name == "proxy_cookie_path":
                found.append(f"sluice=1; Path={word}")
            elif each.name == "proxy_cookie_domain":
                found.append(f"sluice=1; Domain={word}; Path=/")
            else:
                found.append(f"{word}=1; Path=/")
    return list(dict.fromkeys(found))[:_MOST]
