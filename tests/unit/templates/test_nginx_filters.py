"""The filters as templates use them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar, trust_as_template


def render(expression: str, value: Any) -> str:
    templar = Templar(loader=DataLoader(), variables={"value": value})
    return str(templar.template(trust_as_template("{{ value | " + expression + " }}")))


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("sluice.nginx.nginx_quote", r"\.php$", r"\.php$"),
        ("sluice.nginx.nginx_quote", "a; b", '"a; b"'),
        ("sluice.nginx.nginx_quote", 8080, "8080"),
        ("sluice.nginx.directives", [["internal"], ["root", "/srv/a b"]], 'internal;\nroot "/srv/a b";'),
    ],
)
def test_filters_print(expression: str, value: Any, expected: str) -> None:
    assert render(expression, value) == expected


@pytest.mark.parametrize(
    ("expression", "value"),
    [("sluice.nginx.nginx_quote", "a\x00b"), ("sluice.nginx.directives", [["root", "a\x00b"]])],
)
def test_what_no_configuration_can_hold_is_refused(expression: str, value: Any) -> None:
    with pytest.raises(AnsibleError, match="holds a control character"):
        render(expression, value)


@pytest.mark.parametrize("name", ["sluice.nginx.nginx_quote", "sluice.nginx.directives"])
def test_filters_are_found_by_their_full_name(name: str) -> None:
    assert filter_loader.get(name) is not None
