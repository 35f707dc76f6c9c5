"""Images of the user: found here, else pulled by their digest or their tag."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.environment.images import parse_images
from ansible_collections.sluice.nginx.plugins.module_utils.staging.containers import pulled

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("image", "name", "version"),
    [
        ("php:8.3-fpm", "php", "8.3-fpm"),
        ("php", "php", "latest"),
        ("registry.example:5000/shop/app", "registry.example:5000/shop/app", "latest"),
        (f"php@{DIGEST}", "php", DIGEST),
        (f"php:8.3-fpm@{DIGEST}", "php", DIGEST),
        (f"registry.example:5000/shop/app@{DIGEST}", "registry.example:5000/shop/app", DIGEST),
    ],
)
def test_an_image_that_is_not_here_is_pulled_by_what_names_it(image: str, name: str, version: str) -> None:
    asked: list[tuple[str, ...]] = []

    class Images:
        def get(self, wanted: str) -> None:
            raise docker.errors.ImageNotFound(wanted)

        def pull(self, *words: str) -> SimpleNamespace:
            asked.append(words)
            return SimpleNamespace(id="sha256:1")

    client: Any = SimpleNamespace(images=Images())
    (one,) = parse_images({"app:8001": image})
    assert pulled(client, one) == "sha256:1"
    assert asked == [(name, version)]
