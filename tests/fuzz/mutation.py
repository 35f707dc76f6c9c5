"""Inputs that are nearly right: seeds with something of another seed, a token or a stray byte in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import strategies as st

__all__ = ["any_of", "json_values", "mutated", "texts"]


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """Draw a seed that was cut, repeated, joined with another or strewn with tokens, a few times."""
    data = draw(st.sampled_from(list(seeds) or [b""]))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.sampled_from((0, 1, 2, 5, 20, 200))))
        how = draw(st.sampled_from(("token", "cut", "byte", "twice", "join", "swap")))
        if how == "token":
            data = data[:at] + draw(st.sampled_from(list(tokens))) + data[to:]
        elif how == "cut":
            data = data[:at] + data[to:]
        elif how == "byte":
            data = data[:at] + draw(st.binary(min_size=1, max_size=3)) + data[to:]
        elif how == "twice":
            data = data[:to] + data[at:]
        elif how == "join":
            data = data[:at] + draw(st.sampled_from(list(seeds)))[at:]
        else:
            data = data[:at] + data[to : to + (to - at)] + data[at:to] + data[to + (to - at) :]
    return data[:65536]


def any_of(
    seeds: Sequence[bytes], tokens: Sequence[bytes], *made: st.SearchStrategy[bytes]
) -> st.SearchStrategy[bytes]:
    """Draw what a target's own strategies make, mutated seeds, or anything at all."""
    return st.one_of(*made, mutated(seeds or [b""], tokens), st.binary(max_size=200))


def texts() -> st.SearchStrategy[str]:
    """Draw texts that break readers: digits of other scripts, controls, marks of direction, long ones."""
    awkward = (
        "",
        "²",
        "٣",
        "-1",
        "1e999",
        "0x10",
        "9" * 40,
        "../..",
        "\x1b[2J",
        "\u202e",
        "a\nb",
        "%00",
        "{{ 1 }}",
        "é" * 300,
        "\ud800",
    )
    return st.one_of(st.sampled_from(awkward), st.text(max_size=12))


def json_values() -> st.SearchStrategy[object]:
    """Draw any value of JSON, not deep."""
    numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.sampled_from((math.inf, math.nan, 10**400)))
    plain: st.SearchStrategy[object] = st.one_of(st.none(), st.booleans(), numbers, texts(), st.sampled_from(([], {})))
    return st.recursive(
        plain,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts(), inner, max_size=3)),
        max_leaves=8,
    )
