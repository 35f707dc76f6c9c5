from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.behaviour.change_kinds import KINDS, differences

FINE = {"status": "200", "body": "hello"}


def _up(**more: str) -> dict[str, str]:
    seen = {"address": "10.0.0.1:80", "path": "/a", "method": "GET", **more}
    return {"status": "200", **{f"upstream 0 {name.replace('_', ' ')}": value for name, value in seen.items()}}


@pytest.mark.parametrize(
    ("live", "candidate", "kinds"),
    [
        (FINE, FINE, []),
        (FINE, {"status": "404", "body": "no"}, ["broken"]),
        (FINE, {"status": "502"}, ["broken"]),
        (FINE, {"status": "no answer in time"}, ["broken"]),
        ({"status": "404"}, {"status": "500"}, ["broken"]),
        ({"status": "accepted"}, {"status": "TLS failed: no shared cipher"}, ["broken"]),
        ({"status": "502"}, FINE, ["answers"]),
        ({"status": "404"}, FINE, ["answers"]),
        ({"status": "404", "body": "nothing here"}, {"status": "200", "body": "nothing here"}, ["found"]),
        ({"status": "the connection was refused"}, FINE, ["answers"]),
        ({"status": "401"}, FINE, ["access"]),
        ({"status": "403"}, {"status": "404"}, ["refused"]),
        (FINE, {"status": "301", "header location": "http://a/"}, ["redirect"]),
        ({"status": "301"}, {"status": "302"}, ["redirect"]),
        ({"status": "302"}, {"status": "303"}, ["header"]),
        ({"status": "308"}, {"status": "301"}, ["redirect"]),
        ({"status": "304"}, {"status": "302"}, ["redirect"]),
        ({"status": "301", "header location": "/a"}, {"status": "301", "header location": "/b"}, ["redirect"]),
        (FINE, {"status": "204"}, ["status"]),
        (FINE, {"status": "200", "body": "bye"}, ["document"]),
        (FINE, {"status": "200", "body": "<?php echo 1;"}, ["disclosed"]),
        ({"status": "404", "body": "a"}, {"status": "404", "body": "b"}, ["text"]),
        ({"status": "404", "body": "ours"}, {"status": "404", "body": "<center>nginx</center>"}, ["document"]),
        ({**FINE, "header content-type": "text/html"}, {**FINE, "header content-type": "text/plain"}, ["type"]),
        ({**FINE, "header x-frame-options": "DENY"}, FINE, ["lost"]),
        ({**FINE, "header x-frame-options": "DENY"}, {**FINE, "header x-frame-options": "SAMEORIGIN"}, ["protection"]),
        ({**FINE, "header x-xss-protection": "1"}, FINE, ["header"]),
        ({**FINE, "header set-cookie": "old=; Path=/; Max-Age=0"}, FINE, ["header"]),
        ({**FINE, "header set-cookie": "old=; Max-Age=0, a=1; Secure"}, FINE, ["lost"]),
        ({**FINE, "header set-cookie": "a=1; Secure"}, {**FINE, "header set-cookie": "a=1"}, ["lost"]),
        (
            {**FINE, "header strict-transport-security": "max-age=31536000"},
            {**FINE, "header strict-transport-security": "max-age=31536"},
            ["lost"],
        ),
        (FINE, {**FINE, "header x-frame-options": "DENY"}, ["header"]),
        ({**FINE, "header x-colour": "red"}, FINE, ["header"]),
        ({**FINE, "header server": "nginx"}, {**FINE, "header server": "nginx/1.22.1"}, ["protection"]),
        ({**FINE, "header cache-control": "max-age=60"}, {**FINE, "header cache-control": "max-age=90"}, ["header"]),
        (
            {**FINE, "header cache-control": "max-age=9000"},
            {**FINE, "header cache-control": "max-age=9"},
            ["protection"],
        ),
        ({**FINE, "header cache-control": "no-store"}, {**FINE, "header cache-control": "public"}, ["lost"]),
        (
            {**FINE, "header content-type": "text/html"},
            {**FINE, "header content-type": "application/octet-stream"},
            ["download"],
        ),
        (
            {"status": "301", "scheme": "http", "header location": "https://a/x"},
            {"status": "404", "scheme": "http"},
            ["insecure"],
        ),
        (
            {"status": "301", "scheme": "http", "host": "a", "header location": "https://www.a:443/x"},
            {"status": "200", "scheme": "http", "host": "a"},
            ["insecure"],
        ),
        (
            {"status": "301", "scheme": "http", "host": "a", "path": "/x", "header location": "https://a/x?y"},
            {"status": "200", "scheme": "http", "host": "a", "path": "/x"},
            ["insecure"],
        ),
        (
            {"status": "301", "scheme": "http", "host": "a", "path": "/x/", "header location": "https://a/x"},
            {"status": "200", "scheme": "http", "host": "a", "path": "/x/"},
            ["redirect"],
        ),
        (
            {"status": "301", "scheme": "http", "host": "a", "header location": "https://status.example/"},
            {"status": "200", "scheme": "http", "host": "a"},
            ["redirect"],
        ),
        ({"status": "301", "header location": "/a"}, {"status": "404"}, ["broken"]),
        (_up(), _up(path="/b"), ["place"]),
        (_up(), _up(address="10.0.0.2:80", path="/b", header_host="b"), ["place"]),
        (_up(), FINE, ["place"]),
        (
            {"status": "404", "place": "the upstream's own answer"},
            {"status": "404", "place": "nginx's own answer"},
            ["place"],
        ),
        (_up(header_host="a"), _up(header_host="b"), ["told"]),
        (_up(**{"header x-tenant": "a"}), _up(**{"header x-tenant": "b"}), ["told"]),
        (_up(version="1.1"), _up(version="1.0"), ["told"]),
        (_up(header_x_forwarded_proto="https"), _up(), ["withheld"]),
        (_up(**{"header connection": "close"}), _up(), ["tells"]),
        (_up(**{"header connection": "Upgrade"}), _up(), ["withheld"]),
        (_up(**{"header host": "a.example"}), _up(**{"header host": "the upstream a"}), ["withheld"]),
        (_up(), _up(header_x_new="1"), ["tells"]),
        (_up(), _up(**{"header x-api-key": "1"}), ["leaked"]),
        (_up(), _up(**{"header accept-encoding": "gzip"}), ["tells"]),
        (FINE, {**FINE, "header access-control-allow-origin": "https://origin.invalid"}, ["opened"]),
        (FINE, {**FINE, "header access-control-allow-origin": "*"}, ["protection"]),
        (
            {"status": "accepted", "host": "a.b", "tls certificate": "/c.pem, a.b"},
            {"status": "accepted", "host": "a.b", "tls certificate": "/d.pem, *.c"},
            ["uncovered"],
        ),
        ({"status": "accepted", "body": "hello"}, {"status": "accepted", "body": ""}, ["broken"]),
        ({"status": "accepted", "tls protocol": "h2"}, {"status": "accepted", "tls protocol": "http/1.1"}, ["plain"]),
        ({"status": "accepted", "tls certificate": "a"}, {"status": "accepted", "tls certificate": "b"}, ["tls"]),
        ({"status": "TLS failed: x"}, {"status": "accepted", "tls version": "TLSv1"}, ["access"]),
        ({"status": "TLS failed: x"}, {"status": "accepted", "tls version": "TLSv1.3"}, ["answers"]),
    ],
)
def test_a_change_is_of_a_kind(live: dict[str, str], candidate: dict[str, str], kinds: list[str]) -> None:
    assert [one.kind for one in differences(live, candidate, set())] == kinds


def test_what_varies_by_itself_is_left_out() -> None:
    assert differences({**FINE, "header x-id": "1"}, {**FINE, "header x-id": "2"}, {"header x-id"}) == []
    assert differences(FINE, {"status": "503"}, {"status"}) == []


def test_somebody_has_to_explain_what_matters() -> None:
    regressions = {name for name, kind in KINDS.items() if kind.grade == "regression"}
    assert regressions == {
        "broken",
        "disclosed",
        "access",
        "found",
        "lost",
        "leaked",
        "opened",
        "withheld",
        "download",
        "plain",
        "insecure",
        "uncovered",
    }
    assert {name for name, kind in KINDS.items() if not kind.matters} == {
        "answers",
        "refused",
        "text",
        "tells",
        "header",
        "cipher",
    }
    assert all(kind.why for kind in KINDS.values())
