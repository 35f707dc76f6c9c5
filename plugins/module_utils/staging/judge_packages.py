"""What the judge needs beside the standard library and what is packed for it: packages of the distribution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..untrusted import whole_number

__all__ = ["QUIC_SINCE", "judge_packages", "speaks_quic"]

QUIC_SINCE = (1, 25)
"""The first version of nginx that speaks HTTP/3."""

_AIOQUIC = "python3-aioquic"


def speaks_quic(version: str) -> bool:
    """Return whether nginx of a version, as ``1.26.3``, can have HTTP/3; one that is not known may."""
    numbers = [whole_number(part) for part in version.split(".")[:2]]
    return None in numbers or tuple(number or 0 for number in numbers) >= QUIC_SINCE


def judge_packages(described: Iterable[Mapping[str, Any]], version: str) -> tuple[str, ...]:
    """Return the packages that releases need, by their descriptions: one listens for QUIC, or is asked over it."""
    return (_AIOQUIC,) if speaks_quic(version) and any(map(_is_quic, described)) else ()


def _is_quic(release: Mapping[str, Any]) -> bool:
    listens = bool((release.get("facts") or {}).get("quic"))
    return listens or any(row.get("protocol") == "h3" for row in release.get("contract") or ())
