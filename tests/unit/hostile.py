"""What somebody else may answer: any JSON, and JSON that is nearly right."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["GOOD", "json_values", "spoiled"]

_TOLD: dict[str, dict[str, Any]] = {
    "preflight": {
        "release": "a" * 64,
        "live": None,
        "has_release": False,
        "changes_needed": True,
        "nginx": {"version": "1.22.1", "pid": 7, "workers": 2},
        "tree": {"nginx.conf": "events {}"},
    },
    "activate": {
        "release": "a" * 64,
        "before": "b" * 64,
        "checks": [{"name": "front", "ok": True, "problems": [], "ms": 1.5}],
        "workers": [[7, 1]],
        "bake": {"problems": [], "requests": 3},
    },
    "status": {
        "live": "a" * 64,
        "confirmed": {"release": "a" * 64, "run": None, "since": None, "before": None},
        "pending": {"release": "a" * 64, "before": "b" * 64, "run": "r1"},
        "last": None,
        "releases": {"a" * 64: {"installed": "x", "origin": "pushed"}},
        "drift": ["nginx.conf"],
        "journal": [{"event": "trial", "release": "a" * 64, "at": "2026-01-01T00:00:00Z"}],
    },
    "probe": {
        "live": "a" * 64,
        "confirmed": True,
        "needs": [{"key": ["port", "80/tcp"], "met": True, "actual": "", "near": ""}],
        "facts": {"nginx_version": None, "modules": [], "os": "debian 12"},
        "tree": "",
        "withheld": [],
    },
    "pull": {"paths": ["/etc/sluice/pull.json"], "cron": ""},
    "nginx_files": {
        "said": "nginx version: nginx/1.22.1",
        "os_release": "ID=debian",
        "machine": "x86_64",
        "files": [{"kind": "binary", "name": "nginx", "path": "/usr/sbin/nginx", "size": 1, "sha256": "a" * 64}],
        "lacks": ["the module x.so"],
        "parts": [{"sha256": "a" * 64, "offset": 0, "data": "eJw="}],
    },
    "traffic": {
        "traffic": {
            "start": "2026-01-01T00:00:00Z",
            "step": 1,
            "began": "",
            "requests": [1],
            "errors": [0],
            "ms": [None],
            "failing": [{"request": "GET /", "count": 1}],
            "unread": 0,
        },
        "journal": [],
    },
    "count": {
        "end": 1767225600,
        "known": True,
        "slots": [{"requests": 2, "errors": 1, "upstream": 0, "closed": 0, "times": [2, *[0] * 11]}],
    },
    "confirm": {"release": "a" * 64, "pruned": []},
    "rollback": {"release": None, "rolled_back": None, "note": "nothing to roll back"},
    "bake": {"note": "it is confirmed"},
    "trust": {"paths": ["/etc/sluice/inventory"], "engine": {"digest": "d" * 64, "number": 7}},
    "update_engine": {"engine": {"digest": "d" * 64, "number": 7}},
    "leave": {"release": "a" * 64, "removed": ["/var/lib/sluice"], "left": []},
    "show": {"release": "a" * 64, "stored": {}},
}
GOOD: dict[str, dict[str, Any]] = {
    operation: {"ok": True, "changed": False, "problems": [], "warnings": [], **told}
    for operation, told in _TOLD.items()
}
"""A good answer to each operation."""

_ODD_TEXTS = st.sampled_from(
    ["", "..", "../../etc", "a" * 64, "*", "\x1b[2J", "\udcff", "²", "true", "{{ 7*7 }}", "\n"]
)

# What the controller writes beside an answer under its own name.
_MORE_NAMES = st.sampled_from(
    ["unreachable_host", "operation", "emergency", "asked", "releases", "signed", "seconds", "x"]
)


def json_values(leaves: int = 12) -> st.SearchStrategy[Any]:
    """Any value of JSON, NaN and numbers of any size among them."""
    plain = (
        st.none() | st.booleans() | st.integers() | st.integers(10**30, 10**40) | st.floats() | st.text() | _ODD_TEXTS
    )
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=leaves,
    )


@st.composite
def spoiled(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """``good`` with parts of it gone, or replaced by anything, at any depth."""
    value = good
    for _ in range(draw(st.integers(1, 3))):
        value = _spoil(draw, value)
    return value


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    choice = draw(st.integers(0, 9))
    if choice == 2 and isinstance(value, dict):
        return {**value, draw(_MORE_NAMES): draw(json_values(4))}
    if choice == 0 or not isinstance(value, (dict, list)) or not value:
        return draw(json_values(4))
    if isinstance(value, list):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _spoil(draw, value[place]), *value[place + 1 :]]
    key = draw(st.sampled_from(sorted(value)))
    if choice == 1:
        return {name: each for name, each in value.items() if name != key}
    return {**value, key: _spoil(draw, value[key])}
