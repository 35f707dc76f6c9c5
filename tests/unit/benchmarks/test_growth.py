"""How fast parts grow is told from few and noisy times: what is too short to tell, and what is allowed."""

from __future__ import annotations

import pytest

from benchmarks.sizing.growth import Sizes, exponents, faster, in_markdown, in_words
from benchmarks.sizing.shapes import plain, raw, typed


def measured(*seconds: float) -> Sizes:
    """One part at 10, 100, 1,000 … servers."""
    return {10 ** (1 + n): {"seconds": {"parsing": each}, "peak_bytes": 2**26} for n, each in enumerate(seconds)}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ((0.1, 1, 10), []),
        ((0.1, 1.3, 15), []),
        ((0.001, 0.1, 10), ["parsing (n^2.0 from 100 to 1,000)"]),
        ((0.1, 10, 100), ["parsing (n^2.0 from 10 to 100)"]),
        ((0.001, 0.01, 0.3), []),
        ((5, 5, 5), []),
    ],
)
def test_what_grows_too_fast_is_named(seconds: tuple[float, ...], told: list[str]) -> None:
    assert faster(measured(*seconds)) == told


def test_what_was_not_measured_or_is_too_short_has_no_power() -> None:
    sizes = {10: {"seconds": {"a": 1.0}, "peak_bytes": 1}, 100: {"seconds": {"b": 2.0, "a": 0.1}, "peak_bytes": 1}}
    assert exponents(sizes, "a") == [None]
    assert exponents(sizes, "b") == [None]


def test_the_table_says_times_powers_and_the_verdict() -> None:
    words = in_words("typed", measured(0.1, 1, 100))
    assert "parsing             0.10 s  1.00 s  100.00 s  2.0" in words
    assert words.endswith("faster than n log n: parsing (n^2.0 from 100 to 1,000)")
    assert in_words("typed", measured(0.1, 1, 10)).endswith("nothing grows faster than n log n")
    assert "| parsing | 0.10 s | 1.00 s | 10.00 s | 1.0 |" in in_markdown(measured(0.1, 1, 10))


def test_a_release_with_a_change_differs_in_one_place() -> None:
    assert [old != new for old, new in zip(typed(3), typed(3, changed=True), strict=True)] == [True, False, False]
    for make in (raw, plain):
        live, candidate = make(30), make(30, changed=True)
        assert len([path for path in live if live[path] != candidate[path]]) == 1
