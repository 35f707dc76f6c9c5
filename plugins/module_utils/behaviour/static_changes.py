"""Changes that no request shows, told from the text: which of them is a slip rather than a wish."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ..config.parse import Directive
from ..untrusted import whole_number
from .changes import DirectiveChange
from .judgement import Judgement
from .units import jump, normal, slip

__all__ = ["judge_static_change"]

_PROTECTS = (
    "auth_basic",
    "auth_request",
    "client_max_body_size",
    "deny",
    "internal",
    "limit_except",
    "proxy_no_cache",
    "fastcgi_no_cache",
    "proxy_ssl_verify",
    "ssl_verify_client",
    "valid_referers",
)
_EVERYBODY = (["all"], ["0.0.0.0/0"], ["::/0"])
# With nginx's defaults.
_RAISED = {
    "proxy_buffer_size": ["4k"],
    "fastcgi_buffer_size": ["4k"],
    "large_client_header_buffers": ["8k"],
}
_PROTOCOLS = ("proxy", "fastcgi")
_SWITCHED_OFF = ("off", "none", "no")
_MINUTE = 60


def judge_static_change(change: DirectiveChange) -> Judgement:
    """Judge a change that no request shows, by its text."""
    old, new = change.old, change.new
    if _is_redrawn(change):
        return Judgement("slip", "other shares by tenfold or more: a digit is wrong, or it is meant")
    judged = _judge_edit(change, old, new) if old and new else None
    if judged:
        return judged
    if new and _keeps_for_all(change, new):
        return Judgement("regression", "what belongs to one visitor, or an error, is kept for everybody")
    if old and not new and change.name in _RAISED and _is_raised(old) and not _is_of_other_protocol(change):
        return Judgement("regression", "what large answers or requests need falls back to nginx's default")
    if old and not new and change.name in _PROTECTS:
        return Judgement("regression", "what protected is gone")
    if new and not old and change.name == "allow" and new.args in _EVERYBODY:
        return Judgement("regression", "everybody is let in")
    return Judgement("shown", "changed, and no request shows it")


def _judge_edit(change: DirectiveChange, old: Directive, new: Directive) -> Judgement | None:
    """Judge other arguments of a directive; None where nothing of them is known to matter."""
    step = slip(change.name, old.args, new.args)
    if step:
        return Judgement("slip", f"a digit or a unit is wrong, or it is meant: {step}")
    if change.name == "listen":
        return _judge_listener(old, new)
    if change.name == "allow" and sorted(old.args) != sorted(new.args) and new.args in _EVERYBODY:
        return Judgement("regression", "everybody is let in")
    if _is_member(change) and old.args[:1] != new.args[:1]:
        return Judgement("intended", "another machine is in the upstream")
    if change.name.endswith("_no_cache") and set(old.args) > set(new.args):
        return Judgement("regression", "what was not kept is kept for everybody")
    if change.name in _PROTECTS and new.args[:1] != old.args[:1] and new.args[0] in _SWITCHED_OFF:
        return Judgement("regression", "what protected is switched off")
    return None


def _judge_listener(old: Directive, new: Directive) -> Judgement | None:
    if _is_wider(old.args, new.args):
        return Judgement("regression", "it is open to every address")
    if "ssl" in old.args and new.args == [each for each in old.args if each != "ssl"]:
        return Judgement("regression", "it does not speak TLS any more")
    return None


def _keeps_for_all(change: DirectiveChange, new: Directive) -> bool:
    """Return whether a cache now keeps answers with cookies, or every status."""
    before = change.old.args if change.old else []
    if new.name.endswith("_cache_valid"):
        # A minute is what nginx's own page has in its example.
        seconds = whole_number(normal(new.name, new.args)[-1].lstrip("#"))
        short = not before and seconds is not None and seconds <= _MINUTE
        return "any" in new.args and "any" not in before and not short
    if not new.name.endswith("_ignore_headers") or "Set-Cookie" not in new.args or "Set-Cookie" in before:
        return False
    around = change.blocks[1]
    hidden = around.children(f"{new.name.partition('_')[0]}_hide_header") if around is not None else []
    return not any(each.args[:1] == ["Set-Cookie"] for each in hidden)


def _is_of_other_protocol(change: DirectiveChange) -> bool:
    """Return whether a line is about a protocol by which its location passes nothing on, before and after."""
    protocol = change.name.partition("_")[0]
    if protocol not in _PROTOCOLS:
        return False
    places = [block for block in change.blocks if block is not None]
    return bool(places) and all(
        place.name == "location"
        and any(each.name.endswith("_pass") for each in place.block or [])
        and not any(each.name == f"{protocol}_pass" for each in place.walk())
        for place in places
    )


def _is_raised(old: Directive) -> bool:
    """Return whether a value is four times nginx's default, or more."""
    return bool(jump(old.name, _RAISED[old.name], old.args[-1:], 4)) and old.args[-1:] != ["0"]


def _is_wider(old: Sequence[str], new: Sequence[str]) -> bool:
    """Return whether a listener at an address that not everybody reaches is at every address now, on the same port."""
    address, _, port = old[0].rpartition(":")
    if address in ("", "*", "0.0.0.0", "[::]") or _is_public(address):
        return False
    return new[0] in (port, f"*:{port}", f"0.0.0.0:{port}")


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_global
    except ValueError:
        return False


def _is_redrawn(change: DirectiveChange) -> bool:
    """Return whether a value of ``split_clients`` gets ten times as much as before, a tenth of it, or all or
    nothing.
    """
    before, after = (_shares(block) for block in change.blocks)
    return any(_jumps(before.get(value, 0.0), after.get(value, 0.0)) for value in {*before, *after})


def _jumps(before: float, after: float) -> bool:
    low, high = sorted((before, after))
    return high > 0 and high >= 10 * low


def _shares(block: Directive | None) -> dict[str, float]:
    """What each value of ``split_clients`` gets, in percent."""
    found: dict[str, float] = {}
    if block is not None and block.name == "split_clients":
        left = 100.0
        for entry in block.block or []:
            share = left if entry.name == "*" else _percent(entry.name)
            left -= share
            value = entry.args[0] if entry.args else ""
            found[value] = found.get(value, 0.0) + share
    return found


def _percent(text: str) -> float:
    whole, _, rest = text.rstrip("%").partition(".")
    number = whole_number(f"{whole}{rest}")
    return 0.0 if number is None else number / 10 ** len(rest)


def _is_member(change: DirectiveChange) -> bool:
    around = change.blocks[1]
    return change.name == "server" and around is not None and around.name == "upstream"
