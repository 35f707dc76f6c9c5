"""What a user may write in ``staging_images``, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import Image, parse_images
from ansible_collections.sluice.nginx.plugins.module_utils.environment.model import Endpoint
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError


def test_an_image_is_a_name_or_says_how_it_runs() -> None:
    short, long = parse_images(
        {
            "app:8001": "shop:1.2",
            "[2001:db8::5]:9000": {"image": "php:8", "command": ["php-fpm", 1], "environment": {"DEBUG": 1}},
        }
    )
    assert short == Image(Endpoint("app", 8001), "shop:1.2")
    assert long == Image(Endpoint("2001:db8::5", 9000), "php:8", ("php-fpm", "1"), {"DEBUG": "1"})


@pytest.mark.parametrize(
    ("where", "beside"),
    [("127.0.0.1:9000", True), ("localhost:9000", True), ("[::1]:9000", True), ("app:9000", False)],
)
def test_what_answers_on_loopback_runs_beside_nginx(where: str, beside: bool) -> None:
    (image,) = parse_images({where: "php:8"})
    assert image.beside is beside


def test_two_images_may_have_one_port_where_they_share_no_network() -> None:
    assert len(parse_images({"app:9000": "a", "127.0.0.1:9000": "b"})) == 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"app": "shop"}, "staging_images.app: this is no upstream; write name:port"),
        ({"app:99999": "shop"}, "staging_images.app:99999: this is no upstream"),
        ({"app:1": 5}, "staging_images.app:1: 5 is no image; write its name, or a dict with image"),
        ({"app:1": {}}, "staging_images.app:1: 'image' is missing; write a name"),
        (
            {"app:1": {"image": "a", "port": 2}},
            "staging_images.app:1: unknown key 'port'; known are command, environment, image",
        ),
        ({"app:1": {"image": "a", "command": "x"}}, r"staging_images.app:1.command: 'x' is not a list; write \["),
        (
            {"app:1": {"image": "a", "environment": []}},
            "staging_images.app:1.environment: a list is not a mapping of names to values",
        ),
        ({"app:1": "a", "api:1": "b"}, "staging_images.api:1: its port is taken by the image for app:1"),
    ],
)
def test_what_cannot_be_is_told_where_it_stands(rows: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_images(rows)
