from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.needs.spelling import (
    Spellings,
    cut_short,
    digits_swapped,
    of_another_environment,
    port_slip,
    words_of,
)

KNOWN = (
    *("/run/php/php8.2-fpm.sock", "/etc/ssl/blog/privkey.pem", "/srv/acme", "/srv/shop/index.php", "/var/www/site"),
    *("accounts", "blue", "imap", "app", "pool_large", "10.0.0.12:8080", "esp", "Shop"),
)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("/run/phpp/php8.2-fpm.sock", "/run/php/php8.2-fpm.sock"),
        ("/run/php/php8.2-fpm.scok", "/run/php/php8.2-fpm.sock"),
        ("/etc/ssl/blog/prrivkey.pem", "/etc/ssl/blog/privkey.pem"),
        ("/srv/shop/indx.php", "/srv/shop/index.php"),
        ("/srv/shop/index.phpp", "/srv/shop/index.php"),
        ("/var/www/sie", "/var/www/site"),
        ("accunts", "accounts"),
        ("iamp", "imap"),
        ("pool_lagre", "pool_large"),
        ("ble", "blue"),
        # A version, a machine, another word, two errors, and what is too short to tell.
        ("/run/php/php8.3-fpm.sock", ""),
        ("10.0.0.13:8080", ""),
        ("/srv/shop/home.php", ""),
        ("/srv/acmeee", ""),
        ("ap", ""),
        ("esq", ""),
        ("shop", ""),
        ("accounts", ""),
    ],
)
def test_one_misspelt_word(value: str, meant: str) -> None:
    assert Spellings(KNOWN).misspelt(value) == meant


def test_what_is_known() -> None:
    assert "blue" in Spellings(KNOWN)
    assert "ble" not in Spellings(KNOWN)
    assert words_of("/srv/Shop-2/index.php") == {"srv", "shop", "index", "php"}


@pytest.mark.parametrize(
    ("port", "known", "is_slip"),
    [
        *[("800", "80", True), ("80800", "8080", True), ("4443", "443", True), ("44", "443", True), ("8", "80", True)],
        *[("8080", "80", False), ("8443", "443", False), ("8081", "8080", False), ("1443", "443", False)],
        *[("443", "4433", False), ("80", "80", False), ("", "8", False)],
    ],
)
def test_ports(port: str, known: str, is_slip: bool) -> None:
    assert port_slip(port, known) is is_slip


@pytest.mark.parametrize(
    ("one", "other", "swapped"),
    [
        ("10.1.4.12:8080", "10.1.4.21:8080", True),
        ("578/tcp", "587/tcp", True),
        ("greeter-2:50501", "greeter-2:50051", True),
        ("10.0.0.12", "10.0.0.13", False),
        ("10.0.1.2", "10.0.2.1", False),
        ("app1:12", "web1:21", False),
        ("12", "12", False),
        ("123", "321", False),
    ],
)
def test_digits_that_changed_places(one: str, other: str, swapped: bool) -> None:
    assert digits_swapped(one, other) is swapped


@pytest.mark.parametrize(
    ("value", "known", "spoken", "word"),
    [
        ("orders-2.preview.internal:80", "orders-2.internal:80", (), "preview"),
        ("/etc/ssl/shop-staging/x.pem", "/etc/ssl/shop/x.pem", (), "staging"),
        ("/var/www/staging-blog", "/var/www/blog", (), "staging"),
        ("/var/www/staging-blog", "/var/www/blog", ("staging",), ""),
        ("/var/www/staging-blog", "/var/www/shop", (), ""),
        ("/var/www/old-blog", "/var/www/blog", (), ""),
    ],
)
def test_the_word_of_another_environment(value: str, known: str, spoken: tuple[str, ...], word: str) -> None:
    assert of_another_environment(value, known, spoken) == word


@pytest.mark.parametrize(
    ("value", "known", "short"),
    [
        ("/run/fcgiwrap.sock", "/run/fcgiwrap.socket", True),
        ("/run/app.so", "/run/app.socket", False),
        ("/run/app", "/run/app-2", False),
        ("/run/fcgiwrap.socket", "/run/fcgiwrap.sock", False),
    ],
)
def test_a_word_without_its_end(value: str, known: str, short: bool) -> None:
    assert cut_short(value, known) is short
