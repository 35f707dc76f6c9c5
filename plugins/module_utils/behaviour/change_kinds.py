"""What kinds of change there are, and what is wrong with them: ``KINDS``, the gravest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from .fields import Fields
from .units import jump

__all__ = ["FOREIGN_ORIGIN", "KINDS", "FieldDifference", "Grade", "Kind", "differences", "is_weaker"]


Grade = Literal["regression", "effect", "shown"]
"""What a kind is before anybody looks at the edit: something got worse, something is another, nobody need know."""


class Kind(NamedTuple):
    """A kind of change. ``what`` is the word for it in ``gates_accept``."""

    what: str
    grade: Grade
    why: str

    @property
    def matters(self) -> bool:
        """Return whether somebody has to explain it: an edit, a check or a person."""
        return self.grade != "shown"


KINDS = {
    "broken": Kind("status", "regression", "what worked fails"),
    "disclosed": Kind("body", "regression", "the source of a program is shown"),
    "access": Kind("status", "regression", "what was refused is let in"),
    "found": Kind("status", "regression", "what is not there is said to be there"),
    "lost": Kind("headers", "regression", "a header that protects is gone or weaker"),
    "leaked": Kind("upstream", "regression", "a credential that was kept back is handed on"),
    "opened": Kind("headers", "regression", "any page of the web may read it"),
    "withheld": Kind("upstream", "regression", "the upstream is not told any more"),
    "download": Kind("headers", "regression", "browsers save it instead of showing it"),
    "plain": Kind("tls", "regression", "less is agreed on"),
    "insecure": Kind("location", "regression", "does not lead to TLS any more"),
    "uncovered": Kind("tls", "regression", "the certificate is not for this name"),
    "redirect": Kind("location", "effect", "leads somewhere else, or in another manner"),
    "place": Kind("upstream", "effect", "another place answers"),
    "document": Kind("body", "effect", "another document"),
    "status": Kind("status", "effect", "another kind of success"),
    "told": Kind("upstream", "effect", "the upstream is told something else, or no more"),
    "type": Kind("headers", "effect", "clients read it as something else"),
    "tls": Kind("tls", "effect", "another certificate"),
    "protection": Kind("headers", "effect", "a header that caches, opens or describes is gone or another"),
    "answers": Kind("status", "shown", "answers where nothing did"),
    "refused": Kind("status", "shown", "refused as before, with another status"),
    "text": Kind("body", "shown", "another text of the configuration's own"),
    "tells": Kind("upstream", "shown", "the upstream is told more"),
    "header": Kind("headers", "shown", "a header is another"),
    "cipher": Kind("tls", "shown", "something else is agreed on"),
}

# Without them a page is open to what it was shielded from.
_SHIELDS = re.compile(
    r"^(strict-transport-security|x-frame-options|content-security-policy|x-content-type-options|referrer-policy|"
    r"permissions-policy|cross-origin-.*|set-cookie)$"
)
_DESCRIBES = re.compile(
    r"^(content-security-policy.*|access-control-.*|www-authenticate|vary|allow|"
    r"content-encoding|content-disposition|content-language|x-robots-tag|alt-svc|accept-ranges|content-range|link|"
    r"x-accel-.*|x-cache.*|upgrade|sec-websocket-.*|retry-after|grpc-status)$"
)
_FOR_ALL = ("strict-transport-security", "set-cookie")
# A cookie that is sent so that browsers forget it.
_FORGOTTEN = re.compile(r";\s*max-age=(?:0|-\d+)\s*(?:;|$)", re.IGNORECASE)
_NEXT_COOKIE = re.compile(r", (?=[^;,=\s]+=)")
_FLAGS = re.compile(r";\s*(secure|httponly|samesite=(?:lax|strict))", re.IGNORECASE)
_AGE = re.compile(r"max-age=(\d+)")
# They concern one connection, and say nothing of the request.
_HOPS = ("connection", "keep-alive", "te", "trailer", "proxy-connection")
_SHOWN = re.compile(r"^(text/|image/|application/(json|xml|xhtml|javascript|pdf))")
_SAVED = "application/octet-stream"
_GROUP = "the upstream "
_SECURE = "https://"
FOREIGN_ORIGIN = "https://origin.invalid"
"""A page that no configuration knows."""
_LOST_MATTERS = ("expires", "cache-control", "pragma", "etag", "last-modified")
_PRIVATE = ("no-store", "private")
_KEPT = ("no-cache", "immutable", "must-revalidate")
_LASTING, _KEEP_METHOD, _KNOWN = ("301", "308"), ("307", "308"), ("304",)
_ABSENT = ("404", "410")
# They pass unless they are kept back, which is done on purpose.
_KEPT_BACK = re.compile(r"authorization|cookie|key|token|secret|password")
_SOURCE = ("<?php", "<?=", "#!/")
_OWN_PAGE = "<center>nginx"
_OLD_TLS = ("TLSv1", "TLSv1.1")


class FieldDifference(NamedTuple):
    """One field that differs. ``before`` and ``after`` are "" where it is not there."""

    kind: str
    field: str
    before: str
    after: str


def differences(live: Fields, candidate: Fields, leave: set[str]) -> list[FieldDifference]:
    """Return what differs, without the fields to ``leave`` and what follows from another difference."""
    if "status" in leave:
        return []
    first, second = live["status"], candidate["status"]
    kind = _status(first, second)
    if kind == "answers" and candidate.get("tls version") in _OLD_TLS:
        kind = "access"
    if kind == "answers" and first in _ABSENT and live.get("body") and live["body"] == candidate.get("body"):
        kind = "found"
    if not kind and first == "accepted" and live.get("body") and not candidate.get("body"):
        kind = "broken"
    if kind and _secures(live) and not candidate.get("header location", "").startswith(_SECURE):
        kind = "insecure" if second[0] in "24" else kind
    if kind:
        return [FieldDifference(kind, "status", first, _shown(candidate))]
    found = [
        FieldDifference(kind, key, live.get(key, ""), candidate.get(key, ""))
        for key, kind in _others(live, candidate)
        if key not in leave
    ]
    # Another place sees another Host, and answers with other headers and another body: one difference is enough.
    place = next((one for one in found if one.kind == "place"), None)
    return found if place is None else [place]


def _secures(answer: Fields) -> bool:
    """Return whether an answer in the clear sends to TLS: to the same page of the site itself, or to its first one.

    Another site, or another page, is another place.
    """
    target = answer.get("header location", "")
    if answer.get("scheme") != "http" or not target.startswith(_SECURE):
        return False
    there, here = target.removeprefix(_SECURE).partition("/")[0].partition(":")[0], answer.get("host", "")
    page = f"/{target.removeprefix(_SECURE).partition('/')[2]}".partition("?")[0]
    same_page = page in ("/", answer.get("path", page))
    return same_page and (not here or there.removeprefix("www.") == here.removeprefix("www."))


def _shown(candidate: Fields) -> str:
    target = candidate.get("header location")
    return f"{candidate['status']} to {target}" if target else candidate["status"]


def _status(first: str, second: str) -> str:
    if first == second:
        return ""
    if not first.isdigit():
        answers = second.isdigit() or second == "accepted"
        return "broken" if first == "accepted" else "answers" if answers else "refused"
    before, after = first[0], second[0]
    if before == "5" and not second.isdigit():
        return "refused"
    # A limit that had been reached says nothing of what comes next.
    if first == "429" and after != "2":
        return "refused"
    if not second.isdigit() or (after == "5" and before != "5"):
        return "broken"
    if before == "5":
        return "answers"
    if before == "3" and after == "4":
        return "broken"
    if before == "3" or after == "3":
        alike = before == after and all(
            (first in kind) == (second in kind) for kind in (_LASTING, _KEEP_METHOD, _KNOWN)
        )
        return "header" if alike else "redirect"
    if before in "12":
        return "broken" if after == "4" else "status"
    if after in "12":
        return "access" if first in ("401", "403", "405", "413", "414", "416", "400", "431", "421") else "answers"
    return "refused"


def _others(live: Fields, candidate: Fields) -> Iterator[tuple[str, str]]:
    failing = live["status"][0] in "45" if live["status"].isdigit() else False
    counts = [sum(key.endswith(" address") for key in side) for side in (live, candidate)]
    for key in [*live, *(key for key in candidate if key not in live)]:
        before, after = live.get(key), candidate.get(key)
        if before == after or key == "status":
            continue
        part, _, name = key.partition(" ")
        if part == "header":
            yield key, _header(name, before, after, failing, candidate["status"][:1] == "3")
        elif part == "place":
            yield key, "place"
        elif part == "body":
            yield key, _body(before or "", after or "", failing)
        elif part == "upstream":
            yield key, "place" if counts[0] != counts[1] else _upstream(name.partition(" ")[2], before, after)
        elif part == "tls":
            yield key, _tls(name, live, candidate)


def _header(name: str, before: str | None, after: str | None, failing: bool, moved: bool) -> str:
    if name == "location":
        return "redirect"
    if before is None:
        if name == "access-control-allow-origin":
            return "opened" if after == FOREIGN_ORIGIN else "protection"
        return "header"
    if name == "content-type":
        saved = (after or "").startswith(_SAVED) and _SHOWN.match(before)
        return "header" if failing else "download" if saved else "type"
    if name == "server":
        return "protection" if after is not None and "/" in after and "/" not in before else "header"
    if name == "connection":
        return "protection" if after == "close" else "header"
    if name == "set-cookie" and all(map(_FORGOTTEN.search, _NEXT_COOKIE.split(before))):
        return "header"
    # A browser that is sent on shows nothing that could be shielded.
    if _SHIELDS.match(name) and (not moved or name in _FOR_ALL):
        return "lost" if after is None or is_weaker(before, after) else "protection"
    if _DESCRIBES.match(name):
        return "protection"
    if name == "cache-control" and any(word in before and word not in (after or "") for word in _PRIVATE):
        return "lost"
    if name in _LOST_MATTERS:
        return "protection" if after is None or _caches_otherwise(before, after) else "header"
    return "header"


def is_weaker(before: str, after: str) -> bool:
    """Return whether a shield holds for a tenth of the time, or a cookie has lost a flag."""
    flags = [{flag.lower() for flag in _FLAGS.findall(text)} for text in (before, after)]
    ages = [_AGE.findall(text)[:1] for text in (before, after)]
    return bool(flags[0] - flags[1]) or (bool(ages[0]) and bool(jump("expires", ages[0], ages[1] or ["0"])))


def _caches_otherwise(before: str, after: str) -> bool:
    if any(word in before and word not in after for word in _KEPT):
        return True
    ages = [re.findall(r"max-age=(\d+)", text)[:1] for text in (before, after)]
    return bool(ages[0]) and (not ages[1] or bool(jump("expires", ages[0], ages[1])))


def _body(before: str, after: str, failing: bool) -> str:
    if any(mark in after and mark not in before for mark in _SOURCE):
        return "disclosed"
    if failing and not (_OWN_PAGE in after and _OWN_PAGE not in before):
        return "text"
    return "document"


def _upstream(name: str, before: str | None, after: str | None) -> str:
    if name in ("address", "protocol", "method", "path"):
        return "place"
    plain = name.partition(" ")[2]
    if plain in _HOPS and "upgrade" not in (before or "").lower():
        return "tells"
    if before is None:
        return "leaked" if name.startswith("header ") and _KEPT_BACK.search(name) else "tells"
    if after is None and not before:
        return "tells"
    if after is None or (plain == "host" and after.startswith(_GROUP) and not before.startswith(_GROUP)):
        return "withheld"
    return "told"


def _tls(name: str, live: Fields, candidate: Fields) -> str:
    if name == "protocol" and live.get("tls protocol") == "h2":
        return "plain"
    if name != "certificate":
        return "cipher"
    covers = [_covers(side.get("tls certificate", ""), side.get("host", "")) for side in (live, candidate)]
    return "uncovered" if covers == [True, False] else "tls"


def _covers(certificate: str, host: str) -> bool:
    """Return whether one of a certificate's names, which are listed after its path, is the host's."""
    names = certificate.split(", ")[1:]
    return host in names or f"*.{host.partition('.')[2]}" in names
