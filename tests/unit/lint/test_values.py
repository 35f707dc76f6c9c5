from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import Directive
from ansible_collections.sluice.nginx.plugins.module_utils.lint.measures import measures, usual
from ansible_collections.sluice.nginx.plugins.module_utils.lint.values import in_bytes, in_seconds, per_second, unit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("500ms", 0.5),
        ("1m", 60),
        ("1M", 2592000),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("30d", 2592000),
        ("off", None),
        ("-1", None),
        ("$time", None),
        ("10 q", None),
        ("", None),
    ],
)
def test_times_as_nginx_reads_them(text: str, seconds: float | None) -> None:
    assert in_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("512", 512), ("20k", 20480), ("20M", 20971520), ("1g", 1073741824), ("1t", None), ("off", None)]
)
def test_sizes_as_nginx_reads_them(text: str, size: float | None) -> None:
    assert in_bytes(text) == size


@pytest.mark.parametrize(("text", "rate"), [("10r/s", 10), ("30r/m", 0.5), ("10", None)])
def test_rates_as_nginx_reads_them(text: str, rate: float | None) -> None:
    assert per_second(text) == rate


@pytest.mark.parametrize(("text", "parts"), [("20m", ("20", "m")), ("20", ("20", "")), ("off", ("", "off"))])
def test_the_unit_of_a_value(text: str, parts: tuple[str, str]) -> None:
    assert unit(text) == parts


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("client_max_body_size 20m", {"": 20971520}),
        ("proxy_cache_valid 404 200 10m", {"200 404": 600}),
        ("proxy_cache_valid 10m", {"": 600}),
        ("proxy_buffers 8 4k", {"number": 8, "size": 4096}),
        ("limit_conn addresses 10", {"addresses": 10}),
        ("limit_req_zone $x zone=one:10m rate=30r/m", {"zone=one": 10485760, "one rate": 0.5}),
        ("limit_req zone=one burst=20 nodelay", {"one burst": 20}),
        ("proxy_cache_path /c inactive=2h keys_zone=one:1m", {"one inactive": 7200, "keys_zone=one": 1048576}),
        ("ssl_session_cache builtin shared:TLS:10m", {"shared:TLS": 10485760}),
        ("server app.internal:80 weight=5 backup", {"app.internal:80 weight": 5}),
        ("expires modified 1h", {"modified": 3600}),
        ("expires max", {}),
        ("add_header Strict-Transport-Security max-age=60;preload", {"max-age": 60}),
        ("add_header Strict-Transport-Security", {}),
        ("client_max_body_size $size", {}),
        ("client_max_body_size", {}),
        ("root /srv/20m", {}),
    ],
)
def test_the_quantities_of_a_directive(line: str, found: dict[str, float]) -> None:
    name, *args = line.split()
    assert {each.what: each.size for each in measures(Directive(name, args, "a.conf", 1))} == found


def test_what_holds_where_nothing_is_written() -> None:
    body, nothing = usual("client_max_body_size"), usual("worker_rlimit_nofile")
    assert body is not None
    assert (body.text, body.size, body.directive) == ("1m", 1048576, None)
    assert nothing is None
    assert usual("root") is None
