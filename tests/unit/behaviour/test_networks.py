from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.networks import address_in, fits
from ansible_collections.sluice.nginx.plugins.module_utils.config.derive import DerivedRequest


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("10.0.0.0/8", "10.0.0.9"),
        ("203.0.113.128/25", "203.0.113.137"),
        ("203.0.113.4/31", "203.0.113.5"),
        ("203.0.113.4", "203.0.113.4"),
        ("2001:db8::/32", "2001:db8::9"),
        # Host bits do not matter to nginx either.
        ("10.1.2.3/16", "10.1.0.9"),
        ("all", ""),
        ("unix:", ""),
        ("0.0.0.0/0", ""),
        ("127.0.0.0/8", ""),
        ("::1", ""),
        ("224.0.0.0/4", ""),
    ],
)
def test_a_network_is_asked_from_by_an_address_in_it(network: str, address: str) -> None:
    assert address_in(network) == address


@pytest.mark.parametrize(
    ("connect", "proxied", "address", "possible"),
    [
        ("127.0.0.1", False, "10.0.0.9", True),
        ("[::1]", False, "10.0.0.9", False),
        ("[::1]", False, "2001:db8::9", True),
        ("unix:/run/a.sock", False, "10.0.0.9", False),
        # The PROXY header says any address.
        ("unix:/run/a.sock", True, "10.0.0.9", True),
    ],
)
def test_an_address_fits_the_listener(connect: str, proxied: bool, address: str, possible: bool) -> None:
    request = DerivedRequest("GET", "http", "s", 80, "/", connect=connect, proxied=proxied)
    assert fits(address, request) is possible
