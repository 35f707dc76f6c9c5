"""Checks as users and stored contracts have them, in JSON, and the URLs in them."""

from __future__ import annotations

import contextlib
import json

from hypothesis import strategies as st

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import from_json, parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.contract.reading import split_address
from ansible_collections.sluice.nginx.plugins.module_utils.contract.url import joined, parse_url
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError

from ..mutation import json_values, texts

ALLOWED = (SluiceError,)


def run(data: bytes) -> None:
    """Read checks, write them down and read them again; a text is a URL."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = data.decode("utf-8", "replace")
    if isinstance(value, str):
        _url(value)
        return
    for check in parse_contract(value, "nginx_checks"):
        assert from_json(json.loads(json.dumps(to_json(check)))) == check
        if check.connect:
            split_address(check.connect)
    if isinstance(value, dict):
        from_json(value)


def _url(text: str) -> None:
    with contextlib.suppress(SluiceError, ValueError):
        joined("http://a.example/b", text)
    try:
        url = parse_url(text)
    except ValueError:
        return
    assert parse_url(f"{url.scheme}://{url.authority}{url.target}").authority == url.authority


def inputs() -> st.SearchStrategy[bytes]:
    """Draw checks with odd values, and URLs with odd parts."""
    hosts = st.sampled_from(
        (
            "a.example",
            "[::1]",
            "[::1",
            "a:80",
            "a:²",
            "a:99999",
            "a:",
            "",
            "ü.example",
            "a b",
            "127.1",
            "%41",
            "x" * 300,
        )
    )
    paths = st.sampled_from(("/", "", "/%", "/%zz", "/a b", "/é", "?x", "//y", "/\x1b", "/..", "#f", "/\u202e"))
    urls = st.one_of(
        st.builds(
            lambda scheme, host, path: scheme + host + path,
            st.sampled_from(("http://", "https://", "http:", "//", "ftp://", "")),
            hosts,
            paths,
        ),
        texts(),
    )
    value = st.one_of(
        urls, json_values(), st.sampled_from((200, "2xx", [200, "3xx"], "/x(/", "/(a+)+/", "²00", "-", 10**30, 1.5))
    )
    keys = st.sampled_from(
        (
            "get",
            "post",
            "head",
            "name",
            "expect",
            "headers",
            "body",
            "connect",
            "follow",
            "insecure",
            "upstream",
            "unsafe",
            "method",
            "url",
            "site",
            "source",
            "safe",
            "within",
            "tls",
            "stage",
        )
    )
    expect = st.dictionaries(
        st.sampled_from(("status", "body", "headers", "location", "ms", "upstream", "not_body", "x")), value, max_size=4
    )
    check = st.dictionaries(keys, st.one_of(value, value, expect), max_size=6)
    rows = st.lists(st.one_of(check, check, json_values()), max_size=3)
    return st.one_of(
        rows.map(json.dumps).map(str.encode),
        check.map(json.dumps).map(str.encode),
        urls.map(lambda url: url.encode("utf-8", "replace")),
        st.binary(max_size=60),
    )
