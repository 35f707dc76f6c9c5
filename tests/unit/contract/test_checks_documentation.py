from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.sluice.nginx.plugins.module_utils.contract import model
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError

TEXT = (Path(__file__).parents[3] / "docs" / "checks.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
MESSAGES = [
    ({"get": "http://a/"}, {"get": "http://b/"}, {"get": "http://c/", "expect": {"status": "ok"}}),
    ({"get": "/orders"},),
    ({"get": "http://a/"}, {"get": "http://b/", "expects": {}}),
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == TEXT.count("```yaml") > 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_contract(example: str) -> None:
    assert model.parse_contract(yaml.safe_load(example), "nginx_checks")


@pytest.mark.parametrize("rows", MESSAGES)
def test_every_message_is_the_real_one(rows: tuple[object, ...]) -> None:
    where = "nginx_sites[0].checks" if len(rows) == 3 else "nginx_checks"
    with pytest.raises(InputError) as caught:
        model.parse_contract(rows, where)
    assert f"\n{caught.value}\n" in TEXT


@pytest.mark.parametrize(
    "key",
    sorted({*model._CHECK_KEYS, *model._REQUEST_KEYS, *model._EXPECT_KEYS, *model._UPSTREAM_KEYS}),
)
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in TEXT
