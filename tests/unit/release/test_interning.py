from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.release.interning import Texts


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"b": [1, None, "x"], "a": True}, {"b": [1, None, "x"], "a": True}),
        ({200: "ok", "other": 1.5}, {"200": "ok", "other": 1.5}),
        (("a", "b"), ["a", "b"]),
        (object, str(object)),
    ],
)
def test_a_value_becomes_plain_data(value: Any, plain: Any) -> None:
    assert Texts().plain(value) == plain


def test_equal_values_of_many_hosts_are_kept_once() -> None:
    texts = Texts()
    assert texts.plain([{"name": "shop"}]) is texts.plain([{"name": "shop"}])
    assert texts.plain({"a": 1, "b": 2}) is not texts.plain({"b": 2, "a": 1})


def test_the_order_of_keys_does_not_count_where_it_is_not_to() -> None:
    texts = Texts(ordered=True)
    assert texts.text({"a": 1, "b": {"d": 2, "c": 3}}) == texts.text({"b": {"c": 3, "d": 2}, "a": 1})


def test_a_value_that_is_gone_lends_its_identity_to_no_other() -> None:
    texts = Texts()
    assert [texts.text([number]) for number in range(1000)] == [f"[{number}]" for number in range(1000)]
