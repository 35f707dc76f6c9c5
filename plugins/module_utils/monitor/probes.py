"""Checks as probes of the blackbox exporter: a module for each check, and a target for each host that it is asked of.

Pure. https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md says what a module may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..contract.model import Check, from_json
from ..contract.pattern import regex
from ..contract.protocols import HTTP, words_of
from ..contract.showing import shown_name, shown_url
from ..contract.url import bracketed, joined, parse_url
from .host.check_source import check_id, here_only, is_safe, on_host

__all__ = ["MonitoredHost", "Probing", "Public", "probing"]

_ANYTHING = ".*"
_USER_AGENT = "sluice"


class MonitoredHost(NamedTuple):
    """A web host: its name in the inventory, where the monitor reaches it, and the checks of its release, as rows."""

    name: str
    address: str
    variant: str
    contract: tuple[Mapping[str, Any], ...]


class Public(NamedTuple):
    """The way of visitors: by the names of the URLs, or at ``address`` where that is not empty, as of a balancer."""

    address: str = ""


class Probing(NamedTuple):
    """What is probed, and ``said`` to a person about what is not."""

    modules: dict[str, dict[str, Any]]
    hosts: list[dict[str, Any]]
    public: list[dict[str, Any]]
    said: list[str]


def probing(hosts: Iterable[MonitoredHost], *, unsafe: bool, public: Public | None, timeout: float) -> Probing:
    """Make the probes. Each may take ``timeout`` seconds; ``unsafe`` ones are those that change things."""
    modules: dict[str, dict[str, Any]] = {}
    targets: list[dict[str, Any]] = []
    by_public: dict[str, dict[str, Any]] = {}
    left_out: dict[str, Check] = {}
    by_host: dict[str, Check] = {}
    for host in hosts:
        for row in host.contract:
            check, identity = from_json(row), check_id(row)
            if not unsafe and not is_safe(check):
                left_out[identity] = check
                continue
            if on_host(check):
                by_host[identity] = check
            else:
                name = _name(check, identity)
                modules[name] = _module(check, timeout)
                targets.append(_target(check, identity, name, host.address, host=host.name))
            if public is not None and not here_only(check) and not (check.follow and public.address):
                name = f"{_name(check, identity)}_public"
                modules[name] = _module(check, timeout, public=True)
                by_public[identity] = _target(check, identity, name, public.address)
    return Probing(modules, targets, list(by_public.values()), _said(left_out, by_host))


def _said(left_out: Mapping[str, Check], by_host: Mapping[str, Check]) -> list[str]:
    said = []
    if left_out:
        methods = ", ".join(sorted({_verb(check) for check in left_out.values()}))
        said.append(
            f"{_checks(len(left_out), 'is', 'are')} not monitored, because asking changes things ({methods}); "
            "monitor_unsafe=true monitors them too"
        )
    if by_host:
        reasons = ", ".join(sorted({on_host(check) for check in by_host.values()}))
        said.append(f"{_checks(len(by_host), 'is', 'are')} asked by the hosts themselves: {reasons}")
    return said


def _verb(check: Check) -> str:
    return check.method if check.protocol in HTTP else words_of(check.protocol)


def _checks(count: int, one: str, more: str) -> str:
    return f"{count} check {one}" if count == 1 else f"{count} checks {more}"


def _name(check: Check, identity: str) -> str:
    """Name a module so that people who look at blackbox.yml know it again."""
    return f"{re.sub('[^a-z0-9]+', '_', f'{check.site} {check.name}'.lower()).strip('_')[:60]}_{identity}"


def _target(check: Check, identity: str, module: str, address: str, host: str = "") -> dict[str, Any]:
    url = check.parts
    where = f"{url.scheme}://{bracketed(address)}:{url.port}{url.target}" if address else str(url)
    labels = {"host": host} if host else {}
    labels |= {"site": check.site, "check": shown_name(check.name, check.url)}
    # What is asked stays with Prometheus: labels go with each alert.
    labels |= {"check_id": identity, "url": shown_url(check.url), "instance": shown_url(where)}
    return {"targets": [where], "labels": {**labels, "__param_module": module}}


def _module(check: Check, timeout: float, *, public: bool = False) -> dict[str, Any]:
    url, expect = check.parts, check.expect
    given = {name.lower() for name, _ in check.headers}
    usual = {"Host": url.authority, "User-Agent": _USER_AGENT}
    headers = {name: value for name, value in usual.items() if name.lower() not in given} | dict(check.headers)
    http: dict[str, Any] = {
        "method": check.method,
        "headers": headers,
        "valid_status_codes": [status for status in range(100, 600) if expect.allows(status)],
        "follow_redirects": check.follow,
        "preferred_ip_protocol": "ip4",
    }
    if check.body is not None:
        http["body"] = check.body
    if url.scheme == "https":
        # Of a host the gates look at no authority either; visitors do.
        http["tls_config"] = {"server_name": url.host, "insecure_skip_verify": not public}
    if expect.body is not None:
        http["fail_if_body_not_matches_regexp"] = [_inside(expect.body) or re.escape(expect.body)]
    wanted = [{"header": name, "regexp": _exactly(value)} for name, value in expect.headers if value is not None]
    if expect.location is not None:
        wanted.append({"header": "Location", "regexp": _location(check)})
    if wanted:
        http["fail_if_header_not_matches"] = wanted
    absent = [name for name, value in expect.headers if value is None]
    if absent:
        http["fail_if_header_matches"] = [
            {"header": name, "regexp": _ANYTHING, "allow_missing": True} for name in absent
        ]
    return {"prober": "http", "timeout": f"{timeout:g}s", "http": http}


def _inside(text: str, *, path: bool = False) -> str:
    """Return the pattern that is written ``/pattern/``, or nothing where a text stands for itself."""
    return text[1:-1] if regex(text, path=path) else ""


def _exactly(value: str) -> str:
    return _inside(value) or f"^{re.escape(value)}$"


def _location(check: Check) -> str:
    """Match a target as it was written, and as the absolute URL that nginx makes of it."""
    expected = str(check.expect.location)
    if pattern := _inside(expected, path=True):
        return pattern
    absolute = joined(check.url, expected)
    forms = {expected, absolute}
    origin = str(parse_url(check.url)).removesuffix(parse_url(check.url).target)
    if absolute.startswith(f"{origin}/"):
        forms.add(absolute.removeprefix(origin))
    return f"^(?:{'|'.join(re.escape(form) for form in sorted(forms))})$"
