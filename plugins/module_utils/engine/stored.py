"""The forms of what the engine has stored on a host: state, journal, and what is known of releases.

A crash, a full disk or somebody's editor may have left anything there. What has another form than this is damaged, and
is treated as if it could not be read.
"""

from __future__ import annotations

from typing import Any, Callable

from ..errors import SluiceError
from ..untrusted import read_release_id

Form = Callable[[Any], bool]

__all__ = ["is_event", "is_meta", "is_state"]

# The number of an inode may have 64 bits.
_MOST_NUMBER = 1 << 64


def is_release_id(value: Any) -> bool:
    """Return whether it is the id of a release."""
    try:
        read_release_id(value)
    except SluiceError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    # A flag is a number to Python, and NaN is none to anybody.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MOST_NUMBER


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value)


def _or_none(form: Form) -> Form:
    return lambda value: value is None or form(value)


def _each(form: Form) -> Form:
    return lambda value: isinstance(value, list) and all(map(form, value))


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value))


def _by(key: Form, form: Form) -> Form:
    return lambda value: isinstance(value, dict) and all(map(key, value)) and all(map(form, value.values()))


def _has(needed: dict[str, Form], more: dict[str, Form] | None = None) -> Form:
    """The form of an object: it has all that is ``needed``, and may have ``more``, and what nobody reads."""
    forms = {**needed, **(more or {})}

    def form(value: Any) -> bool:
        if not isinstance(value, dict) or not needed.keys() <= value.keys():
            return False
        return all(name not in value or forms[name](value[name]) for name in forms)

    return form


_maybe_text, _maybe_id = _or_none(_is_text), _or_none(is_release_id)
_CONFIRMED = _has({"release": is_release_id, "run": _maybe_text, "since": _maybe_text, "before": _maybe_id})
_PENDING = _has(
    {
        "release": is_release_id,
        "before": _maybe_id,
        "run": _is_text,
        "who": _is_text,
        "from": _is_text,
        "since": _is_text,
        "phase": _is_text,
    },
    {
        "boot": _is_text,
        "deadline": _is_number,
        "broken": _each(_is_text),
        "marks": _by(_is_text, _pair),
        "workers": _each(_pair),
        "old_pids": _each(_is_whole),
        "test_ms": _or_none(_is_number),
    },
)
_RECORD = _has({"installed": _is_text, "origin": _is_text}, {"confirmed": _or_none(_CONFIRMED)})

is_state: Form = _has(
    {
        "version": _is_whole,
        "live": _maybe_id,
        "confirmed": _or_none(_CONFIRMED),
        "pending": _or_none(_PENDING),
        "last": _or_none(
            _has({"release": is_release_id, "run": _is_text, "outcome": _is_text, "by": _is_text, "at": _is_text})
        ),
        "releases": _by(is_release_id, _RECORD),
    }
)
"""Whether it is a whole ``state.json``, as ``forms.State`` says."""

is_event: Form = _has(
    {"event": _is_text},
    {
        **dict.fromkeys(("at", "run", "mark", "who", "from", "why", "of", "by", "means", "reason"), _maybe_text),
        **dict.fromkeys(("release", "before"), _maybe_id),
        **dict.fromkeys(("deadline", "ms", "paths"), _is_number),
        "problems": _each(_is_text),
        "pruned": _each(is_release_id),
    },
)
"""Whether it is a line of the journal."""

_texts = _or_none(_each(_is_text))
is_meta: Form = _has(
    {},
    {
        "origin": _is_text,
        "manifest": _each(lambda row: isinstance(row, list)),
        "shared": _texts,
        "facts": _or_none(
            _has({}, dict.fromkeys(("outside", "error_logs", "access_logs", "main_directives", "modules"), _texts))
        ),
        "logs": _or_none(_has({}, dict.fromkeys(("error_logs", "access_logs"), _texts))),
        "contract": _or_none(_each(lambda row: isinstance(row, dict))),
        "platform": _or_none(
            _has({}, {"modules": _texts, **dict.fromkeys(("nginx_version", "os", "flavour", "prefix"), _maybe_text)})
        ),
        "receipt": _or_none(_has({})),
        "signature": _maybe_text,
        "outside": _or_none(_by(_is_text, _is_text)),
    },
)
"""Whether it is what is stored of a release."""
