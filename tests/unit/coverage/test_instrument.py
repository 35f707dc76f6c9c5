from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coverage.instrument import Copy

Made = Callable[..., Copy]

SET = ' set $sluice_coverage "${{sluice_coverage}},{}";'
LOG = "access_log /sluice/coverage.log sluice_coverage;"


def _set(number: int) -> str:
    return SET.format(number)


@pytest.mark.parametrize(
    ("http", "written"),
    [
        ("server { }", f"server {{{_set(1)} }}"),
        (
            "server { location / { if ($a) { return 204; } } }",
            f"server {{{_set(1)} location / {{{_set(2)} if ($a) {{{_set(3)} return 204; }} }} }}",
        ),
        (
            "server { location / { } } server { location / { } }",
            f"server {{{_set(1)} location / {{{_set(2)} }} }} server {{{_set(3)} location / {{{_set(4)} }} }}",
        ),
        (
            "server { location / { limit_except GET { deny all; } } }",
            f"server {{{_set(1)} location / {{{_set(2)} limit_except GET {{ deny all; }} }} }}",
        ),
        ("server { access_log off; }", f"server {{{_set(1)} {LOG}  }}"),
        ("server { access_log /x.log; }", f"server {{{_set(1)} {LOG} access_log /x.log; }}"),
        ("server { access_log\n off\n; }", f"server {{{_set(1)} {LOG} \n\n }}"),
        ("map $a $b { server 1; } server { }", f"map $a $b {{ server 1; }} server {{{_set(1)} }}"),
        ("upstream u { server a:1; } server { }", f"upstream u {{ server a:1; }} server {{{_set(1)} }}"),
    ],
)
def test_blocks_say_that_they_were_entered(made: Made, http: str, written: str) -> None:
    text = made(http).files["nginx.conf"].decode()
    before, _, after = text.partition(LOG)
    assert before.startswith("http { uninitialized_variable_warn off; log_format sluice_coverage escape=json '")
    assert after == f"{written}}}"


def test_lines_stay_what_they_are(made: Made) -> None:
    http = "\nserver {\n    access_log\n        off;\n    location / {\n    }\n}\n"
    before = f"http {{{http}}}".count("\n")
    copy = made(http)
    assert copy.files["nginx.conf"].decode().count("\n") == before
    assert [(block.words, block.line, block.end_line) for block in copy.blocks] == [
        ("server", 2, 7),
        ("location /", 5, 6),
    ]


def test_what_the_user_says_of_warnings_is_not_said_twice(made: Made) -> None:
    text = made("uninitialized_variable_warn on; server { }").files["nginx.conf"].decode()
    assert text.count("uninitialized_variable_warn") == 1


def test_a_file_that_several_servers_include_has_its_blocks_once(made: Made) -> None:
    servers = "server { include php.conf; } server { include php.conf; }"
    copy = made(servers, **{"php.conf": "location ~ \\.php$ { }\nlocation /x { }\n"})
    assert [block.words for block in copy.blocks] == ["server", "location ~ \\.php$", "location /x", "server"]
    assert copy.files["php.conf"].decode() == f"location ~ \\.php$ {{{_set(2)} }}\nlocation /x {{{_set(3)} }}\n"


def test_what_can_be_asked_for_in_one_server_counts_though_another_is_locked(made: Made) -> None:
    servers = "server { listen unix:/x; include a.conf; } server { listen 80; include a.conf; }"
    copy = made(servers, **{"a.conf": "location / { }"})
    assert [(block.words, bool(block.locked)) for block in copy.blocks] == [
        ("server", True),
        ("location /", False),
        ("server", False),
    ]


def test_bytes_that_are_no_text_stay_what_they_are(made: Made, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = made("server { return 200 caf\u00e9; }")
    assert "caf\u00e9;" in copy.files["nginx.conf"].decode()


@pytest.mark.parametrize("http", ["", "map $a $b { }"])
def test_without_a_server_nothing_is_copied(made: Made, http: str) -> None:
    copy = made(http)
    assert (copy.files, copy.blocks) == ({}, [])


@pytest.mark.parametrize(
    ("servers", "locked"),
    [
        ("server { listen 80; }", []),
        ("server { listen unix:/x; }", ["server: it listens on a unix socket only"]),
        ("server { listen unix:/x; listen 80; }", []),
        ("server { listen 443 quic; }", ["server: it speaks HTTP/3 only"]),
        (
            "server { listen 80 proxy_protocol; }",
            ["server: it wants a PROXY header, which a check does not send"],
        ),
        (
            "server { listen 80 http2; }",
            ["server: it speaks HTTP/2 without TLS, which a check does not"],
        ),
        (
            "server { listen 443 ssl; ssl_verify_client on; }",
            ["server: it wants a certificate of the client, which a check does not have"],
        ),
        ("server { listen 443 ssl; listen 80; ssl_verify_client on; }", []),
        ("server { return 444; }", ["server: it hangs up without an answer, which no check can expect"]),
        (
            "server { location / { } location /x { return 444; } }",
            ["location /x: it hangs up without an answer, which no check can expect"],
        ),
        (
            "server { location / { return 444; } }",
            [
                f"{words}: it hangs up without an answer, which no check can expect"
                for words in ("server", "location /")
            ],
        ),
        (
            "ssl_verify_client on; server { listen 443 ssl; } server { listen 444 ssl; ssl_verify_client off; }",
            ["server: it wants a certificate of the client, which a check does not have"],
        ),
        ("server { listen 443 ssl; ssl_reject_handshake on; }", ["server: it refuses every TLS handshake"]),
        (
            "server { listen 80; server_name a; } server { listen 80; server_name a; location / { } }",
            ["server: another server has its names", "location /: another server has its names"],
        ),
        ("server { listen 80; server_name a; } server { listen 81; server_name a; }", []),
        ("server { listen 80; server_name a; } server { listen 80 default_server; server_name a; }", []),
        (
            "server { location @x { } location / { internal; location /in { } } location /y { deny all; } }",
            [
                "location @x: it is named, so only nginx itself goes there",
                "location /: it is internal",
                "location /in: it is internal",
            ],
        ),
        (
            "server { return 301 /x; location / { } }",
            ["location /: the server returns before it looks for a location"],
        ),
    ],
)
def test_what_nobody_can_ask_for_is_known(made: Made, servers: str, locked: list[str]) -> None:
    found = [f"{block.words}: {block.locked}" for block in made(servers).blocks if block.locked]
    assert found == locked
