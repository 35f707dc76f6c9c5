"""What staging made is seen to be gone, and not taken for gone by what Docker answers meanwhile."""

from __future__ import annotations

from typing import Any, cast

import docker
import pytest
import requests

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.staging import containers


class _Container:
    """Docker answers with these codes, one for each time that it is to be removed, and removes it then."""

    name = "sluice-x-nginx"

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def remove(self, **options: Any) -> None:
        assert options == {"force": True, "v": True}
        if self.codes:
            response = requests.Response()
            response.status_code = self.codes.pop(0)
            kind = docker.errors.NotFound if response.status_code == 404 else docker.errors.APIError
            raise kind("no", response=response, explanation="it is at work")


@pytest.mark.parametrize("codes", [(), (404,), (409, 409), (500, 409, 404)])
def test_a_container_is_removed_until_it_is_gone(codes: tuple[int, ...]) -> None:
    made = _Container(*codes)
    containers.remove([cast(Any, made)])
    assert made.codes == []


def test_one_that_stays_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_REMOVAL_SECONDS", 0.0)
    with pytest.raises(SluiceError, match="Docker cannot remove what staging made: sluice-x-nginx: it is at work"):
        containers.remove([cast(Any, _Container(*[500] * 9))])
