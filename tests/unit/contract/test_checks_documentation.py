from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sluice.nginx.plugins.module_utils.contract import model
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import Variables
from scripts.generate import options

_DOCS = Path(__file__).parents[3] / "docs"
TEXT = (_DOCS / "checks.md").read_text(encoding="utf-8")
PAGES = TEXT + (_DOCS / "how-to" / "protocols.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGES, re.DOTALL | re.MULTILINE)
MESSAGES = [
    ({"get": "http://a/"}, {"get": "http://b/"}, {"get": "http://c/", "expect": {"status": "ok"}}),
    ({"get": "/orders"},),
    ({"get": "http://a/"}, {"get": "http://b/", "expects": {}}),
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == PAGES.count("```yaml") > 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_contract(example: str) -> None:
    assert model.parse_contract(yaml.safe_load(example), "nginx_checks")


@pytest.mark.parametrize("rows", MESSAGES)
def test_every_message_is_the_real_one(rows: tuple[object, ...]) -> None:
    where = "nginx_sites[0].checks" if len(rows) == 3 else "nginx_checks"
    with pytest.raises(InputError) as caught:
        model.parse_contract(rows, where)
    assert f"\n{caught.value}\n" in TEXT


def _keys(fields: Mapping[str, model.Field]) -> Iterator[str]:
    for name, field in fields.items():
        yield name
        yield from _keys(field.fields or {})


@pytest.mark.parametrize("key", sorted(set(_keys(model.CHECK))))
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_fits_the_argument_spec(example: str) -> None:
    """Ansible takes whatever the reader takes."""
    given = {"nginx_checks": yaml.safe_load(example)}
    assert not ArgumentSpecValidator(options(Variables)).validate(given).error_messages
