"""JSON by the compiled half of the standard module, without the other half: that loads ``re``."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["dumps", "loads"]

_BLANK = " \t\n\r"


class _Reading:
    """What the compiled scanner asks for: the settings that ``json.loads`` has by default."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


def _compiled() -> tuple[Callable[..., Any], Callable[..., Any], Callable[[str], str]] | None:
    try:
        from _json import encode_basestring_ascii, make_encoder, make_scanner
    except ImportError:
        return None
    reading: Any = _Reading()
    return make_scanner(reading), make_encoder, encode_basestring_ascii


_COMPILED = _compiled()


def loads(text: str | bytes) -> Any:
    """Do what ``json.loads`` does. Raises ``ValueError`` for what is no JSON."""
    if _COMPILED is not None:
        try:
            decoded = text if isinstance(text, str) else text.decode()
            value, end = _COMPILED[0](decoded, len(decoded) - len(decoded.lstrip(_BLANK)))
            if not decoded[end:].strip(_BLANK):
                return value
        # Without the other half, the scanner cannot say what is wrong, and some versions only say that.
        except (StopIteration, SystemError, ValueError):
            pass
    import json

    return json.loads(text)


def dumps(value: Any, *, sort_keys: bool = False, separators: tuple[str, str] = (", ", ": ")) -> str:
    """Do what ``json.dumps`` does. Raises ``TypeError`` for what JSON has no form for."""
    if _COMPILED is None:
        import json

        return json.dumps(value, sort_keys=sort_keys, separators=separators)
    _, make_encoder, quoted = _COMPILED
    between, after_key = separators
    encode = make_encoder({}, _refuse, quoted, None, after_key, between, sort_keys, False, True)
    return "".join(encode(value, 0))


def _refuse(value: object) -> None:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
