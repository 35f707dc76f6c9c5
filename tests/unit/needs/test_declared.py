from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.needs.declared import declared, is_declared
from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Need

FILE = Need("file", "/etc/ssl/shop.pem")
ENDPOINT = Need("endpoint", "[2001:db8::1]:8001")


@pytest.mark.parametrize(
    ("text", "need", "covered"),
    [
        ("file:/etc/ssl/shop.pem", FILE, True),
        ("/etc/ssl/shop.pem", FILE, True),
        ("directory:/etc/ssl/shop.pem", FILE, False),
        ("file:/etc/ssl/*", FILE, True),
        ("/etc/*.pem", FILE, True),
        ("file:/etc/ssl", FILE, False),
        ("file:/etc/ssl/shop.pe", FILE, False),
        ("endpoint:[2001:db8::1]:8001", ENDPOINT, True),
        ("[2001:db8::1]:*", ENDPOINT, True),
        ("endpoint:[2001:db8::2]:8001", ENDPOINT, False),
        ("endpoint:app:8001", Need("endpoint", "app:8001"), True),
        ("app:8001", Need("endpoint", "app:8001"), True),
        ("endpoint:app:8001", Need("name", "app"), True),
        ("endpoint:*.internal:8001", Need("name", "app.internal"), True),
        ("endpoint:app:8001", Need("name", "apple"), False),
        ("name:app", Need("endpoint", "app:8001"), False),
        ("port:8443/tcp", Need("port", "8443/tcp"), True),
        ("8443/*", Need("port", "8443/udp"), True),
        ("2001:db8::1", Need("address", "2001:db8::1"), True),
        ("fe80::1", Need("address", "fe80::1"), True),
        (" name:app ", Need("name", "app"), True),
    ],
)
def test_what_is_declared(text: str, need: Need, covered: bool) -> None:
    assert is_declared(need, declared([text])) is covered


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fiel:/etc/ssl/x", r"nginx_needs\[1\]: 'fiel:/etc/ssl/x': 'fiel' is no kind, did you mean file:/etc/ssl/x\?"),
        ("unix:/run/app.sock", "'unix' is no kind, did you mean socket:/run/app.sock"),
        ("host:app", "'host' is no kind; the kinds are file, directory, socket, name, endpoint"),
        ("file:", "'file:' says no value; write it as file:VALUE"),
        ("", "it is empty; write KIND:VALUE, as file:/etc/ssl/shop.pem, or a value alone"),
    ],
)
def test_what_is_no_declaration(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        declared(["name:fine", text])
