from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import (
    Endpoint,
    Service,
    endpoint,
)
from ansible_collections.sluice.nginx.plugins.module_utils.environment.services import parse_services
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app", Endpoint("app", 80)),
        ("app:8001", Endpoint("app", 8001)),
        ("10.0.0.1", Endpoint("10.0.0.1", 80)),
        ("10.0.0.1:81", Endpoint("10.0.0.1", 81)),
        ("[::1]", Endpoint("::1", 80)),
        ("[fd00::1]:8080", Endpoint("fd00::1", 8080)),
    ],
)
def test_an_endpoint(text: str, expected: Endpoint) -> None:
    assert endpoint(text) == expected


def test_an_endpoint_without_port_has_the_usual_one() -> None:
    assert endpoint("app", 443) == Endpoint("app", 443)


@pytest.mark.parametrize(
    ("row", "service"),
    [
        (
            {"command": ["php-fpm", "-F"], "socket": "/run/php.sock"},
            Service("php-fpm", ("php-fpm", "-F"), socket="/run/php.sock"),
        ),
        (
            {
                "name": "app",
                "command": ["app", 8001],
                "address": "app:8001",
                "user": "www-data",
                "environment": {"PORT": 8001},
            },
            Service("app", ("app", "8001"), "www-data", endpoint=Endpoint("app", 8001), environment={"PORT": "8001"}),
        ),
    ],
)
def test_a_service_is_read(row: Mapping[str, Any], service: Service) -> None:
    assert parse_services([row]) == (service,)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"comand": ["a"]}, "staging_services[0]: unknown key 'comand'; did you mean 'command'?"),
        ({"socket": "/a"}, "staging_services[0]: 'command' is missing; write a list of words, as [php-fpm8.2, -F]"),
        (
            {"command": "php-fpm -F", "socket": "/a"},
            "staging_services[0].command: 'php-fpm -F' is not a list; write [..] or",
        ),
        ({"command": [], "socket": "/a"}, "staging_services[0].command: the list is empty; it needs at least one item"),
        ({"command": ["a"]}, "staging_services[0]: a service has either a socket (it runs beside nginx) or an address"),
        ({"command": ["a"], "socket": "/a", "address": "a:1"}, "staging_services[0]: a service has either a socket"),
    ],
)
def test_what_is_no_service_is_refused_in_words(row: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_services([row])
    assert words in str(refused.value)
