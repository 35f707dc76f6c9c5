"""What a user would write for testinfra."""

from __future__ import annotations

from testinfra.host import Host


def test_nginx_runs(host: Host) -> None:
    assert host.process.filter(comm="nginx")


def test_the_shop_listens(host: Host) -> None:
    assert host.socket("tcp://0.0.0.0:80").is_listening
