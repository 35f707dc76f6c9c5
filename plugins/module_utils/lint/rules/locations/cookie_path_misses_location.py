"""``proxy_cookie_path`` gives the cookies of a program a path at which the program is not, so it never gets them back.

Browsers send a cookie with a path only to what lies below it: those of ``location /wiki/`` with ``proxy_cookie_path /
/blog/`` are lost, and nobody stays signed in. The other way round, ``proxy_cookie_path /wiki/ /`` beside
``proxy_pass http://wiki/``, replaces nothing: the slash at the end cuts the location off, the program has not heard of
``/wiki/``, and its cookies go to every other program of the host. As programs may be told their path in a setting, it
counts only where the live release, ``proxy_redirect / /wiki/`` or other locations of the server say that they are not.
A path that another location of the same upstream is for passes, as do places for signing in, which set cookies for
others, and programs that a header tells their path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.match import choose_location
from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding
from ...scopes import BlockScope, blocks, by_key, location_kind

LEVEL = "medium"
NEW = "high"

_TARGET = re.compile(r"(?P<upstream>(?:https?://)[^/$]+)(?P<path>/[^$]*)?")
_SIGNING_IN = re.compile(r"auth|log-?(?:in|on)|sign|sso|oidc|saml|account|session|passport|identity|\bcas\b", re.I)
# Headers by which programs are told their path.
_TELLS_PATH = re.compile(r"prefix|script|path|base|context|\bur[il]\b|root|ingress|mount|original", re.I)
_LEADS_ON = ("rewrite", "try_files", "error_page")


def _lines(location: Directive) -> list[tuple[Directive, str, str]]:
    """Return the lines with their paths, the old and the new; what is appended to the new one are flags of the cookie.

    None where one of them has a path that is not plain.
    """
    found = []
    for line in location.children("proxy_cookie_path"):
        old, new = line.args if len(line.args) == 2 else ("", "")
        new = new.partition(";")[0].strip()
        if not new.startswith("/") or "$" in old + new:
            return []
        found.append((line, old, new))
    return found


def _upstream(location: Directive) -> str:
    match = _TARGET.match(location.value("proxy_pass"))
    return match["upstream"].lower() if match else ""


def _meets(path: str, new: str) -> bool:
    """Return whether requests for a location can have the cookies of a path; a path outside may end with its own."""
    return new.startswith(path) or f"{path}/".startswith(f"{new.rstrip('/')}/") or new.rstrip("/").endswith(path)


def _is_led_to(server: Directive, path: str) -> bool:
    """Return whether requests come from elsewhere: what browsers ask for is another path then."""
    return any(each.name in _LEADS_ON and word.startswith(path) for each in server.walk() for word in each.args)


def _is_for(server: Directive, location: Directive, new: str) -> bool:
    """Return whether the program is also at the new path."""
    taking = [choose_location(server, new), choose_location(server, f"{new.rstrip('/')}/")]
    below = [each for each in server.walk() if each.name == "location" and location_kind(each)[1].startswith(new)]
    others = (each for each in [*taking, *below] if each is not None and each is not location)
    return any(_upstream(each) == _upstream(location) for each in others)


def _is_told(scope: BlockScope, path: str) -> bool:
    headers = [each.args for each in scope.effective("proxy_set_header") if len(each.args) > 1]
    return any(_TELLS_PATH.search(name) or path in value or "$request_uri" in value for name, value, *_ in headers)


def _adds(location: Directive) -> bool:
    """Return whether a location takes its path off, and puts it before the paths of cookies or redirects."""
    path, target = location_kind(location)[1].rstrip("/"), _TARGET.fullmatch(location.value("proxy_pass"))
    added = [*location.children("proxy_cookie_path"), *location.children("proxy_redirect")]
    pairs = [(each.args[0], each.args[1].rstrip("/")) for each in added if len(each.args) == 2]
    return target is not None and _is_cut(path, target["path"]) and ("/", path) in pairs


def _is_cut(path: str, target: str | None) -> bool:
    """Return whether the program is asked for another path than the location's: ``target`` is that of proxy_pass."""
    return target is not None and not target.startswith(path)


def _is_known_to_add(server: Directive, scope: BlockScope, live: Config | None) -> bool:
    """Return whether something says that programs do not know the paths of their locations."""
    before = by_key(live).get(scope.key) if live else None
    locations = [*server.children("location"), *(each.block for each in (before, scope) if each and each.block)]
    return any(_adds(each) for each in locations)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find paths of cookies that belong to another location, and lines that replace what no cookie has."""
    for scope, location in blocks(config, "location"):
        around = scope.around("server")
        kind, pattern = location_kind(location)
        path, lines = pattern.rstrip("/"), _lines(location)
        target = _TARGET.fullmatch(location.value("proxy_pass"))
        if around is None or around.block is None or kind not in ("", "^~") or not path.startswith("/") or not lines:
            continue
        if target is None or location.children("rewrite") or location.children("internal") or _is_told(scope, path):
            continue
        line, old, new = lines[0]
        if not any(_meets(path, each) for _, _, each in lines):
            server = around.block
            led = _is_led_to(server, path) or _is_for(server, location, new)
            if not led and not _SIGNING_IN.search(path):
                yield finding(
                    line,
                    f"the program at {pattern} never gets its cookies back: browsers send them to {new} only",
                    expected=f"proxy_cookie_path {old} {pattern}",
                    actual=f"{location.text} with {line.text}",
                    fix=f"write {pattern} for {new}",
                )
            continue
        swapped = (len(lines), new, old.rstrip("/")) == (1, "/", path) and _is_cut(path, target["path"])
        if swapped and _is_known_to_add(around.block, scope, context.live):
            yield finding(
                line,
                f"no cookie has the path {old}: the program behind proxy_pass {target[0]} has not heard of it",
                expected=f"proxy_cookie_path / {pattern}",
                actual=f"{location.text} with {line.text}",
                fix="change the places of the two paths",
            )
