"""What hosts answer, read in one place: typed, bounded, and without what nobody asked for.

A host may say anything. What does not fit its schema in ``reply_schemas.py`` is a ``SluiceError``, which is that host's
failure and ends nobody else's run. Keys that a schema does not have are dropped, so that no host writes into a record
under a name of the controller's own.
"""

from __future__ import annotations

import functools
import re
import threading
from typing import Any, NoReturn, cast

from .errors import SluiceError
from .packages import msgspec
from .reply_schemas import FORMS, NEEDED, RELEASE_ID, BaseReply, TrafficFormReply
from .untrusted import printable

__all__ = ["MOST_BYTES", "Malformed", "NoJson", "read_answer"]

MOST_BYTES = 32 << 20
"""Of all that a host prints for one question. Its live tree, the largest part, has 16 MiB at most, in base64."""

# Characters of what is noted and shown of it: that is searched for secrets while other hosts wait to be asked.
_MOST_SAID = 8 << 20
_CONTENT = ("digests", "parts", "stored", "tree", "withheld")

# A surrogate alone is how Python writes a byte that is no UTF-8; the pair of two is a character.
_ESCAPES = re.compile(
    rb"(?<!\\)((?:\\\\)*+)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\(u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
_MOST_ESCAPES = 200_000


# Names of files that are compared with those of a tree.
_UNSHOWN = ("withheld",)
_READING_FORMS = threading.Lock()
_AS_ID = f"`str` matching regex {RELEASE_ID!r}"


class Malformed(SluiceError):
    """The answer is not what was asked for."""


class NoJson(Malformed):
    """It is not even JSON, as a line that was cut."""


def read_answer(operation: str, text: str) -> dict[str, Any]:
    """Return the answer of a host to ``operation``. Raises ``Malformed`` with what was expected.

    It has ``ok``, ``changed``, ``problems`` and ``warnings``; where it is ``ok``, also all that the operation tells.
    Its texts can be shown as they are.
    """
    if len(text) > MOST_BYTES:
        _refuse(operation, f"it has more than {MOST_BYTES >> 20} MiB")
    data = text.encode("utf-8", "backslashreplace")
    escapes = data.count(b"\\ud") + data.count(b"\\uD")
    if escapes > _MOST_ESCAPES:
        _refuse(operation, f"it has more than {_MOST_ESCAPES} escapes of what is no character")
    if escapes:
        data = _ESCAPES.sub(lambda found: found[0] if found[2] else found[1] + rb"\\" + found[3], data)
    try:
        found = cast("dict[str, Any]", _decoder(operation).decode(data))
    except msgspec.ValidationError as error:
        _refuse(operation, str(error).replace(_AS_ID, "the id of a release"))
    except RecursionError:
        _refuse(operation, "it is nested too deeply")
    except ValueError as error:
        raise NoJson(_sentence(operation, str(error))) from None
    found.setdefault("changed", False)
    found.setdefault("problems", [])
    found.setdefault("warnings", [])
    _hold(operation, found)
    shown = {name: value if name in _UNSHOWN else _shown(value) for name, value in found.items()}
    if sum(_length(value) for name, value in shown.items() if name not in _CONTENT) > _MOST_SAID:
        _refuse(operation, f"beside files it has more than {_MOST_SAID >> 20} MiB")
    return shown


def _decoder(operation: str) -> msgspec.json.Decoder[Any]:
    # Hosts answer on threads, and msgspec crashes where two of them have it read the same form for the first time.
    with _READING_FORMS:
        return _made(operation)


@functools.cache
def _made(operation: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(FORMS.get(operation, BaseReply))


def _shown(value: Any) -> Any:
    """Return a value without characters that a terminal or a log may obey; lines and tabs stay."""
    if isinstance(value, str):
        return printable(value, "\n\t")
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, dict):
        return {_shown(key): _shown(each) for key, each in value.items()}
    return value


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _length(each) for key, each in value.items())
    return sum(map(_length, value)) if isinstance(value, list) else 1


def _hold(operation: str, found: dict[str, Any]) -> None:
    """Hold an answer to what a schema cannot say."""
    if not found["ok"]:
        if not found["problems"]:
            _refuse(operation, "Expected a problem where `ok` is false")
    elif found["problems"]:
        _refuse(operation, "Expected no problem where `ok` is true")
    else:
        lacking = [name for name in NEEDED.get(operation, ()) if name not in found]
        if lacking:
            _refuse(operation, f"Object missing required field `{lacking[0]}`")
    for traffic in (found.get("traffic"), (found.get("bake") or {}).get("traffic")):
        if traffic and not _is_even(traffic):
            _refuse(operation, "Expected as many `errors` and `ms` as `requests` - at `$.traffic`")


def _is_even(traffic: TrafficFormReply) -> bool:
    return len(traffic["requests"]) == len(traffic["errors"]) == len(traffic["ms"])


def _refuse(operation: str, why: str) -> NoReturn:
    raise Malformed(_sentence(operation, why))


def _sentence(operation: str, why: str) -> str:
    return (
        f"the host's answer to {operation} is malformed ({printable(why)[:300]}); nothing of it was taken. Either its "
        "engine is damaged, or somebody else answers there: see to that host"
    )
