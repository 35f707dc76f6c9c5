"""The compiled half of JSON does what the whole does."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ansible_collections.sluice.nginx.plugins.module_utils.lean import jsons

LEAVES = some.none() | some.booleans() | some.integers() | some.floats() | some.text()
VALUES = some.recursive(LEAVES, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=20)


def outcome(load: Any, text: str | bytes) -> object:
    try:
        return repr(load(text))
    except (ValueError, RecursionError) as error:
        return type(error), str(error)


@given(VALUES, some.booleans())
def test_what_is_written_is_the_same_and_reads_the_same(value: Any, sort_keys: bool) -> None:
    text = jsons.dumps(value, sort_keys=sort_keys)
    assert text == json.dumps(value, sort_keys=sort_keys)
    assert repr(jsons.loads(text)) == repr(json.loads(text))
    assert repr(jsons.loads(text.encode())) == repr(json.loads(text))
    narrow = (",", ":")
    assert jsons.dumps(value, separators=narrow) == json.dumps(value, separators=narrow)


@given(VALUES, some.data())
def test_damage_is_told_in_the_same_words(value: Any, data: some.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(some.integers(0, len(text)))
    damaged = text[:cut] + data.draw(some.text(max_size=3)) + text[cut + data.draw(some.integers(0, 2)) :]
    assert outcome(jsons.loads, damaged) == outcome(json.loads, damaged)


@given(some.binary(max_size=20) | some.text(alphabet='{}[]",:0123456789.eE+-\\u \n\tntrufalsNaIiy'))
def test_what_is_anything_reads_the_same(text: str | bytes) -> None:
    assert outcome(jsons.loads, text) == outcome(json.loads, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{}x",
        "[1,]",
        '{"a"}',
        '{"a":1',
        '"\\ud800"',
        "\ufeff{}",
        "1 2",
        "\v1",
        '"\n"',
        b"\xff",
        b"\xef\xbb\xbf{}",
    ],
)
def test_these_read_as_json_reads_them(text: str | bytes) -> None:
    assert outcome(jsons.loads, text) == outcome(json.loads, text)


@pytest.mark.parametrize("depth", [10, 500, 200_000])
def test_what_is_nested_deep_reads_the_same(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert outcome(jsons.loads, text) == outcome(json.loads, text)


def test_numbers_that_are_none_are_kept_as_json_keeps_them() -> None:
    assert jsons.dumps([math.nan, math.inf, -math.inf]) == "[NaN, Infinity, -Infinity]"
    assert math.isnan(jsons.loads("NaN"))


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", {(1,): 2}])
def test_what_has_no_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError) as ours:
        jsons.dumps(value)
    with pytest.raises(TypeError) as theirs:
        json.dumps(value)
    assert str(ours.value) == str(theirs.value)


def test_without_the_compiled_half_the_whole_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsons, "_COMPILED", None)
    assert jsons.loads(jsons.dumps({"b": [1], "a": None}, sort_keys=True)) == {"a": None, "b": [1]}
