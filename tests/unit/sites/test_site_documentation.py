"""The README and the argument spec tell the keys that the code reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sluice.nginx.plugins.module_utils.sites import model
from ansible_collections.sluice.nginx.plugins.module_utils.sites.plan import plan
from scripts.generate import TABLES

ROLE = Path(__file__).resolve().parents[3] / "roles/nginx"
README = (ROLE / "README.md").read_text(encoding="utf-8")
SPEC = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"][
    "options"
]


# What the role staging leaves for this one.
LEFT: dict[str, Any] = {"nginx_platform": {}}

OF_OTHERS = (
    *("Acceptance", "AlarmRow", "ImageRow", "PublishRow", "PullRow"),
    *("RenewalRow", "ServiceRow", "StoreRow", "WaveRow"),
)
MODELS = [name for name in TABLES if name[0].isupper() and name not in OF_OTHERS]


@pytest.mark.parametrize("name", MODELS)
def test_the_readme_tells_every_key(name: str) -> None:
    missing = [key for key in TABLES[name] if not re.search(rf"(?<![\w-]){key}(?![\w-])", README)]
    assert missing == []


@pytest.mark.parametrize("name", sorted({*MODELS} - {"Variables", "RouteRewrite"}))
def test_the_readme_has_a_table_of_every_model(name: str) -> None:
    """A rewrite of a route is like one of a site, but for its default, which the text tells."""
    assert f"<!-- options of {name} -->" in README


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for match in re.finditer(r"^## (?P<title>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)", README, re.S | re.M):
        for block in re.findall(r"```yaml\n(.*?)```", match["text"], re.S):
            for document in yaml.safe_load_all(_once(block)):
                yield match["title"], document


def _once(block: str) -> str:
    """An example may show one key in several ways; the last is taken, as YAML wants a key once."""
    return re.sub(r"^maintenance: true .*\n", "", block, flags=re.M)


@pytest.mark.parametrize(
    ("title", "keys"), list(_examples()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_example_of_the_readme_is_understood(title: str, keys: dict[str, Any]) -> None:
    if all(key.startswith("nginx_") for key in keys):
        # Variables of the role, and no keys of a site.
        assert plan({**keys, "nginx_version": "1.26.3"})
        assert not ArgumentSpecValidator(SPEC).validate({**LEFT, **keys}).error_messages
        return
    around: dict[str, Any] = {
        "name": "example",
        "server_names": ["example.org", "www.example.org"],
        "root": "/srv",
        "upstreams": [{"name": "app", "servers": ["app:80"]}],
    }
    site = {**around, **keys}
    (found,) = model.parse_sites([site], title)
    assert found.name == "example"
    assert not ArgumentSpecValidator(SPEC).validate({**LEFT, "nginx_sites": [site]}).error_messages


def test_the_first_example_of_the_readme_is_understood() -> None:
    first = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", README, re.S)[0])
    assert [site.name for site in model.parse_sites(first["nginx_sites"])] == ["cedi-mart", "shwitter"]
    assert not ArgumentSpecValidator(SPEC).validate({**LEFT, **first}).error_messages
