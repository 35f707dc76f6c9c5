"""What a user would write for testinfra."""

from __future__ import annotations

from testinfra.host import Host


def test_the_shop_listens_on_81(host: Host) -> None:
    assert host.socket("tcp://0.0.0.0:81").is_listening
