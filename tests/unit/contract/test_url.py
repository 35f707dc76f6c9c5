from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.url import Url, parse_url


@pytest.mark.parametrize(
    ("text", "parts", "authority"),
    [
        ("http://shop.example", ("http", "shop.example", 80, "/"), "shop.example"),
        ("https://Shop.Example/a?b=c#d", ("https", "shop.example", 443, "/a?b=c"), "shop.example"),
        ("http://shop.example:80/", ("http", "shop.example", 80, "/"), "shop.example"),
        ("https://shop.example:8443/x", ("https", "shop.example", 8443, "/x"), "shop.example:8443"),
        ("http://shop.example?q=1", ("http", "shop.example", 80, "/?q=1"), "shop.example"),
        ("http://[::1]:8080/x", ("http", "::1", 8080, "/x"), "[::1]:8080"),
        ("http://[2001:db8::1]", ("http", "2001:db8::1", 80, "/"), "[2001:db8::1]"),
        (
            "http://bücher.example/grüße",
            ("http", "xn--bcher-kva.example", 80, "/gr%C3%BC%C3%9Fe"),
            "xn--bcher-kva.example",
        ),
        ("http://shop.example/a%20b/%2e", ("http", "shop.example", 80, "/a%20b/%2e"), "shop.example"),
        ("http://shop.example//x/../y", ("http", "shop.example", 80, "//x/../y"), "shop.example"),
    ],
)
def test_a_url_is_taken_apart(text: str, parts: tuple[str, str, int, str], authority: str) -> None:
    url = parse_url(text)
    assert url == Url(*parts)
    assert url.authority == authority
    assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/orders", "is not a whole URL; use http://host/path or https://host/path"),
        ("shop.example/orders", "is not a whole URL"),
        ("//shop.example/", "is not a whole URL"),
        ("ftp://shop.example/", "has the scheme 'ftp'"),
        ("http:///orders", "has no host"),
        ("http://", "has no host"),
        ("https:", "has no host"),
        ("http://:80/", "has no host"),
        ("http://me:secret@shop.example/", "send an Authorization header instead"),
        ("http://shop.example/a b", "write %20 for a space"),
        ("http://shop.example/a\nb", "a space or a control character"),
        ("http://shop.example:http/", "is not a URL (Port could not be cast"),
        ("http://shop.example:70000/", "is not a URL (Port out of range"),
        ("http://shop.example:0/", "has the port 0"),
        ("http://[::1/", "is not a URL (Invalid IPv6 URL)"),
        ("http://*.example/", "neither a name nor an address"),
        ("http://a..bücher/", "neither a name nor an address"),
        ("", "is not a whole URL"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"use|send|write") as caught:
        parse_url(text)
    assert words in str(caught.value)
