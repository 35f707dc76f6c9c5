"""Redirects and what they lead to: a changed one is followed in staging, and an unchanged one still leads on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..config.derive import DerivedRequest
from ..config.match import is_named
from ..config.parse import Config
from ..contract.url import parse_url
from .comparing import Compared
from .judgement import Judgement
from .plain_requests import asked_plainly
from .side_by_side import Beside, Three
from .stated import puts_files

__all__ = ["followed", "still_led_to"]

_MOST = 200
_LEADS = ("301", "302", "303", "307", "308")


def still_led_to(
    config: Config,
    compared: Sequence[Compared],
    requests: Sequence[DerivedRequest],
    answers: Sequence[Three],
    *,
    files_known: bool = False,
) -> list[Compared]:
    """Return the differences, those as regressions that refuse a page to which a redirect of the candidate leads.

    ``files_known`` says that staging has the files of the hosts; else an edit may put some where the redirect leads.
    """
    leads: dict[str, str] = {}
    for request, (_, _, answer) in zip(requests, answers, strict=True):
        target = answer.get("header location", "")
        # What the default says to a name that nobody serves any more is no promise.
        if target and target != request.url and is_named(config, request.host, request.port):
            leads.setdefault(target, request.url)
    found = []
    for one in compared:
        # Who is refused for an address or a header of theirs is not led anywhere, and a redirect leads to a GET.
        led = not one.request.source and not one.request.headers and one.request.method in ("GET", "HEAD")
        refused = led and one.difference.kind == "broken" and not one.fails
        if refused and not files_known and puts_files(one.difference, one.causes, one.met, one.request.host):
            refused = False
        source = leads.get(one.request.url, "") if refused else ""
        why = f"what worked fails, and {source} still leads to it"
        found.append(replace(one, judgement=Judgement("regression", why)) if source else one)
    return found


def followed(beside: Beside, config: Config, compared: Sequence[Compared]) -> list[Compared]:
    """Return the differences, those whose new target does not work as regressions."""
    targets = _targets(config, compared)
    if not targets:
        return list(compared)
    beside.restore()
    problems = asked_plainly(beside.candidate, config, list(targets.values()))[2]
    broken = {problem.request: problem.what for problem in problems if not problem.environment}
    found = []
    for one in compared:
        request = targets.get(_target(one))
        what = broken.get(request, "") if request else ""
        found.append(replace(one, judgement=Judgement("regression", f"it leads to no answer: {what}")) if what else one)
    return found


def _targets(config: Config, compared: Iterable[Compared]) -> dict[str, DerivedRequest]:
    """Return a request for each new target on a name that the configuration serves."""
    found: dict[str, DerivedRequest] = {}
    for one in compared:
        text = _target(one)
        if not text or text in found or len(found) == _MOST:
            continue
        try:
            url = parse_url(text)
        except ValueError:
            continue
        if is_named(config, url.host, url.port):
            asked = one.request._replace(method="GET", headers=(), body=0, source="", late=0, speaks="http")
            found[text] = asked._replace(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
    return found


def _target(one: Compared) -> str:
    """The URL that the candidate's redirect leads to; empty where there is none."""
    if one.difference.field == "header location":
        return one.difference.after
    status, _, target = one.difference.after.partition(" to ")
    return target if one.difference.field == "status" and status in _LEADS else ""
