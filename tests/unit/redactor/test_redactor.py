"""What leaves by the door, rule by rule: by name, by form, by what the run knows; and what stays readable."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.contract.showing import (
    is_secret_name,
    is_telling,
    shown_header,
    shown_url,
)
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.known_secrets import KnownSecrets
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor, cleared
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.releases import door_of, secrets_of
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.sources import (
    of_channels,
    of_checks,
    of_text,
    of_tree,
)
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.secrets import REDACTED
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

KEY = "-----BEGIN PRIVATE KEY-----\nMIIabc\nMIIdef\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/orders/track?id=42", "/orders/track?id=42"),
        ("/a?page=2&sort=desc&ids=1,2", "/a?page=2&sort=desc&ids=1,2"),
        ("/a?x=$arg_x&y=${uri}", "/a?x=$arg_x&y=${uri}"),
        ("/a?api_token=abc", "/a?api_token=…"),
        ("/a?apiKey=abc&id=1", "/a?apiKey=…&id=1"),
        ("/a?q=hunter2", "/a?q=…"),
        ("/a?q=swordfish", "/a?q=…"),
        ("/a?id=1234567", "/a?id=…"),
        ("/a?S3CR3T-value", "/a?…"),
        ("/a?code=42", "/a?code=…"),
        ("/a?design=wide", "/a?design=wide"),
        ("/a#access_token=S3CR3T", "/a#access_token=…"),
        ("/a?x=1#id=S3CR3T", "/a?x=1#id=…"),
    ],
)
def test_of_a_url_names_and_paths_stay(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    if "?S3CR3T" not in url:
        # A value alone is known by where it stands in a URL, and not within a sentence.
        assert Redactor().line(f"GET http://a.example{url}, got 404") == f"GET http://a.example{shown}, got 404"


@pytest.mark.parametrize(
    ("name", "value", "asked", "answered"),
    [
        ("Authorization", "Bearer x", "…", "…"),
        ("X-Tenant", "acme", "…", "acme"),
        ("X-Tenant", "acme-4711-x", "…", "…"),
        ("X-Api-Key", "acme", "…", "…"),
        ("Accept-Language", "de-DE, en;q=0.5", "de-DE, en;q=0.5", "de-DE, en;q=0.5"),
        ("Cache-Control", "max-age=31536000", "max-age=31536000", "max-age=31536000"),
        ("Location", "/a?sig=x", "/a?sig=…", "/a?sig=…"),
        ("Set-Cookie", "sid=x", "…", "…"),
    ],
)
def test_of_a_header_the_name_stays_and_few_values(name: str, value: str, asked: str, answered: str) -> None:
    assert shown_header(name, value) == asked
    assert shown_header(name, value, answered=True) == answered


@pytest.mark.parametrize(
    "name", ["api_token", "X-Auth", "sessionId", "user[password]", "sig", "PHPSESSID", "accessKey"]
)
def test_a_name_says_that_its_value_is_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("value", ["", "42", "desc", "Books", "v2", "$uri$args", "…"])
def test_a_short_and_plain_value_is_no_secret(value: str) -> None:
    assert not is_telling(value)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("expected Location /a?x=S3CR3T-1, got /b?x=S3CR3T-2; more", "expected Location /a?x=…, got /b?x=…; more"),
        ("expected header X-A: S3CR3T-1, got S3CR3T-2", "expected header X-A: …, got another value"),
        ("expected header X-Cache: HIT, got MISS", "expected header X-Cache: HIT, got MISS"),
        (
            "expected no header X-Debug, got S3CR3T-1; expected status 2xx, got 500",
            "another value; expected status 2xx",
        ),
        ("at the upstream: expected header Cookie: sid=1, got none", "expected header Cookie: …, got none"),
        ("(Authorization: Bearer S3CR3T, Cookie: sid=S3CR3T)", "(Authorization: …, Cookie: …)"),
        ('client sent invalid header line: "X-Auth-Token: S3CR3T"', '"X-Auth-Token: …"'),
        ("https://ada:S3CR3T@shop.example/", "https://…@shop.example/"),
        ("/x;jsessionid=S3CR3T", "/x;jsessionid=…"),
        ("shop.conf:3 set $api_token S3CR3T-9 → S3CR3T-8", "shop.conf:3 set $api_token …redacted…"),
        (f"it said {KEY} and more", "it said (changed, and not shown: it is a key"),
        ("a\nb\x1b[2J\u202e\x07\r", "a\\nb\\x1b[2J\\u202e\\x07\\r"),
    ],
)
def test_a_line_has_nothing_secret_and_is_one(line: str, shown: str) -> None:
    told = Redactor().line(line)
    assert shown in told
    assert "S3CR3T" not in told
    assert "MII" not in told
    assert told.isprintable()
    assert Redactor().line(told) == told, "what has passed passes again"


@pytest.mark.parametrize(
    "line",
    [
        "prodweb001 failed in activate (no answer); prodweb002 was not switched",
        "release 0be7afb93c21 serves again, proved",
        "the shop is open: expected status 200, got 404; expected at most 100 ms, took 312 ms",
        "gates_signing_key: ~/.ssh/id_ed25519 cannot sign: no such file",
        f'open() "/var/lib/sluice/releases/{"0a1b" * 16}/nginx.conf" failed (2: No such file or directory)',
        "sites-enabled/shop.conf:12 (files/nginx/sites-enabled/shop.conf)",
        "set gates_signing_key to the key that signs, and run sluice.nginx.deploy again",
        "10.0.0.1:8080 and [::1]:80 do not answer",
    ],
)
def test_what_people_need_passes_as_it_is(line: str) -> None:
    assert Redactor().line(line) == line


def test_a_text_keeps_its_lines_and_none_is_a_command_of_a_service() -> None:
    told = Redactor().text("a\r\n\tb\n::error file=x::y\n  ::add-mask::z\n##[group]x\n::1 localhost\n\x1bc")
    assert told == "a\n\tb\n\\x3a:error file=x::y\n  \\x3a:add-mask::z\n\\x23#[group]x\n::1 localhost\n\\x1bc"


def test_values_of_a_host_that_all_begin_alike_take_no_time() -> None:
    known = KnownSecrets([f"release{number:06}" for number in range(20_000)] + ["release", "release1"])
    said = "a release, release1, release012345, release019999x and release0199… of release01"
    shown = f"a {REDACTED}, {REDACTED}, {REDACTED}, {REDACTED}x and {REDACTED}… of {REDACTED}"
    before = time.process_time()
    assert known.hide("\n".join([*["my releases"] * 500, said])).splitlines()[-1] == shown
    assert time.process_time() - before < 3


def test_known_values_are_found_whole_or_cut_and_the_longest_first() -> None:
    door = Redactor({"S3CR3T", "S3CR3T-and-more", "GET", "1"})
    assert door.line("GET 1: S3CR3T-and-more, S3CR3T") == "GET 1: …redacted…, …redacted…"
    assert door.line("got S3CR3T-and-mo…") == "got …redacted……"
    assert door.line("S3CR3TS are no secret") == "S3CR3TS are no secret", "a short one stands alone"
    calendar = Redactor({"shop.example_t0k3n%40calendar"})
    assert calendar.data({"file": "sites/shop.example", "actual": "got shop.example"}) == {
        "file": "sites/shop.example",
        "actual": "got …redacted…",
    }, "nobody cuts off the path of a file"
    assert calendar.data({"file": "sites/shop.example_t0k3n%40calendar"}) == {"file": "sites/…redacted…"}
    many = KnownSecrets(f"secret-{number:04}-value" for number in range(500))
    assert many.hide("a secret-0042-value, secret-9999-value") == "a …redacted…, secret-9999-value"


@pytest.mark.parametrize(
    ("row", "known", "unknown"),
    [
        ({"get": "http://a/?t=S3CR3T%2Dx1&id=42"}, {"S3CR3T%2Dx1", "S3CR3T-x1"}, {"42"}),
        (
            {"get": "http://a/", "headers": {"Authorization": "Basic YWRhOlMzQ1IzVA=="}},
            {"ada:S3CR3T", "S3CR3T"},
            {"Basic"},
        ),
        ({"get": "http://a/", "headers": {"Cookie": "lang=en; sid=S3CR3T1"}}, {"S3CR3T1"}, {"en"}),
        ({"get": "http://a/", "headers": {"Referer": "https://shop.example/"}}, set(), {"https://shop.example/"}),
        ({"get": "http://a/", "headers": {"Accept": "S3CR3T1"}}, set(), {"S3CR3T1"}),
        ({"post": "http://a/", "body": {"user": "ada", "password": "correct"}}, {"correct"}, {"ada"}),
        ({"post": "http://a/", "body": '{"a": {"b": ["S3CR3T1", "x"]}}'}, {"S3CR3T1"}, {"x"}),
        ({"get": "http://a/", "expect": {"headers": {"X-A": "S3CR3T1", "Vary": "Accept"}}}, {"S3CR3T1"}, {"Accept"}),
        ({"get": "http://a/", "expect": {"location": "/b?c=S3CR3T1"}}, {"S3CR3T1"}, {"/b"}),
    ],
)
def test_a_run_knows_what_its_checks_hide(row: dict[str, object], known: set[str], unknown: set[str]) -> None:
    found = of_checks([to_json(check) for check in parse_contract([row], "nginx_checks")])
    assert known <= found
    assert not unknown & found


def test_a_run_knows_the_secrets_of_its_configurations_and_channels() -> None:
    text = (
        'map $http_x_api_key $who {\n "K0-MAPS3CR3T" acme;\n}\nset $api_token "Bearer S3CR3T-1$uri";\nroot /srv/www;\n'
    )
    assert {"K0-MAPS3CR3T", "S3CR3T-1"} <= of_text(text)
    assert not {"Bearer", "/srv/www", "acme"} & of_text(text)
    assert {"S3CR3T/B/x", "S3CR3T"} <= of_channels(["slack://S3CR3T/B/x"])


def test_what_a_tree_hides_is_found_once_and_kept_for_its_user_alone(tmp_path: Path) -> None:
    layer = {"a.conf": trees.file(b'secure_link_md5 "$uri S3CR3T-LINK";\n', "raw")}
    release = ReleaseStore(tmp_path / "releases").add(trees.overlay(layer), [], [], {"os": "debian 12"})
    assert door_of([release, None, release]).line("a S3CR3T-LINK") == "a …redacted…"
    kept = release.root / "secrets.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_text("{}")
    assert "S3CR3T-LINK" in secrets_of(release), "what is damaged is found anew"


@pytest.mark.parametrize(
    ("diff", "shown", "gone"),
    [
        (
            f"--- live/k\n+++ release/k\n@@ -1 +1 @@\n+{KEY}\n",
            "--- live/k\n+++ release/k\n(changed, and not shown",
            "MII",
        ),
        ("--- a/p\n+++ b/p\n@@ -1 +1 @@\n-ada:$apr1$x$S3CR3T\n+ada:{SHA}S3CR3T\n", "(changed, and not shown", "S3CR3T"),
        (f"--- a\n+++ b\n@@ -3 +3 @@\n-{'QUJD' * 16}\n+{'QUJE' * 16}\n", "-…redacted…\n+…redacted…", "QUJ"),
        (
            "--- a\n+++ b\n@@ -1 +1 @@\n-return 301 /?sig=S3CR3T;\n+return 200;",
            "-return 301 /?sig=…;\n+return 200;",
            "S3C",
        ),
        ("@@ -1,2 +1,2 @@\n map $http_x_token $a {\n-S3CR3T0 x;\n+S3CR3T1 x;", "-…redacted… x;\n+…redacted… x;", "S3C"),
        ("--- a\x1b[2J\n+++ b\n@@ -1 +1 @@\n-a\rb\n+c", "--- a\\x1b[2J\n+++ b\n@@ -1 +1 @@\n-a\\rb\n+c", "\x1b"),
    ],
)
def test_a_diff_that_a_host_sends_shows_lines_without_what_is_secret(diff: str, shown: str, gone: str) -> None:
    told = Redactor().diff(diff)
    assert shown in told
    assert gone not in told


def test_data_keeps_its_form_and_what_is_known_by_its_name() -> None:
    verdict = Verdict("fail", "a\nb", [Finding("w\n", nginx="one\ntwo\x1b", line=3)], {"x": {"y": ("a\nb", None, 1.5)}})
    told = Redactor().data(verdict)
    assert told == Verdict(
        "fail", "a\\nb", [Finding("w\\n", nginx="one\ntwo\\x1b", line=3)], {"x": {"y": ("a\nb", None, 1.5)}}
    )
    identity = "0a1b" * 16
    assert Redactor().data({"release": identity, "at": "2026-01-02T03:04:05.123Z", "k\x1b": True}) == {
        "release": identity,
        "at": "2026-01-02T03:04:05.123Z",
        "k\\x1b": True,
    }


def test_headers_in_data_are_named() -> None:
    answer = {
        "headers": [["set-cookie", "sid=S3CR3T"], ["content-type", "text/html"], ["x-cache-status", "HIT"]],
        "upstream": [{"headers": {"x-api-key": "S3CR3T", "host": "b"}, "params": {"HTTP_X_TOKEN": "S3CR3T"}}],
    }
    assert Redactor().data({"outcomes": [answer]}, "evidence")["outcomes"][0] == {
        "headers": [["set-cookie", "…"], ["content-type", "text/html"], ["x-cache-status", "HIT"]],
        "upstream": [{"headers": {"x-api-key": "…", "host": "b"}, "params": {"HTTP_X_TOKEN": "…"}}],
    }


def test_a_record_passes_once_for_all_its_reports() -> None:
    told = cleared({"outcome": "a\x1b", "hosts": {}})
    assert told == {"outcome": "a\\x1b", "hosts": {}}
    assert cleared(told) is told


def test_rows_of_a_secret_map_are_known_where_they_are_included(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("http { map $http_x_api_key $ok { include keys.map; } }")
    (tmp_path / "keys.map").write_text("correct-horse-battery 1;\n")
    assert of_tree(tmp_path) == {"correct-horse-battery"}


def test_a_variable_of_the_users_is_no_directive() -> None:
    told = "the host's engine is another one; gates_signing_key updates it"
    assert Redactor().line(told) == told


def test_what_is_remembered_of_one_run_is_nothing_to_another() -> None:
    knowing, other = Redactor(["tr0ub4dor-and-three"]), Redactor()
    said = {"why": "it is tr0ub4dor-and-three", "tr0ub4dor-and-three": "x"}
    for _ in range(2):
        assert "tr0ub4dor" not in str(knowing.data(said))
        assert other.data(said) == said
    # A line and a text of the same letters are shown in different ways, whichever was first.
    assert (knowing.line("a\nb"), knowing.text("a\nb"), knowing.line("a\nb")) == ("a\\nb", "a\nb", "a\\nb")
