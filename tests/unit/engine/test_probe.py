"""What a host tells of itself when it is asked, and what it keeps to itself."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees import export
from ansible_collections.sluice.nginx.plugins.module_utils.engine.trees.export import pack_without_secrets
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import read_tree, release_id
from ansible_collections.sluice.nginx.plugins.module_utils.needs.model import Kind
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.releases import release
from tests.unit.engine.simulation.work import confirm, push

NewHost = Callable[..., SimulatedHost]


def _names(packed: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        return {member.name for member in archive}


def _tree(answer: dict[str, Any]) -> set[str]:
    return _names(base64.b64decode(answer["tree"]))


def test_a_host_that_was_never_deployed_to_sends_what_it_serves(new_host: NewHost) -> None:
    host = new_host()
    answer = host.ask_engine("probe", "r1")
    assert answer["ok"], answer
    assert answer["live"] == release_id(read_tree(host.layout.conf))
    assert answer["confirmed"] is False
    assert _tree(answer) == {"behaviour", "conf.d", "conf.d/site.conf", "nginx.conf"}
    assert answer["withheld"] == []
    assert answer["facts"]["nginx_version"] == "1.22.1"
    assert not host.layout.root.exists()


def test_a_release_is_told_by_its_id_and_sent_only_to_who_does_not_have_it(new_host: NewHost) -> None:
    host, one = new_host(), release("one")
    push(host, "r1", "one")
    attempt = host.ask_engine("probe", "r2", known=[one.id])
    assert (attempt["live"], attempt["confirmed"], "tree" in attempt) == (one.id, False, False)
    confirm(host, "r1", "one")
    before = host.layout.journal.read_bytes()
    answer = host.ask_engine("probe", "r2", known=["f" * 64])
    assert (answer["live"], answer["confirmed"]) == (one.id, True)
    # Requests of checks may hold secrets, and nobody asks for them.
    assert "contract" not in answer
    assert "nginx.conf" in _tree(answer)
    assert host.layout.journal.read_bytes() == before


def test_a_stored_release_is_shown_without_its_signature_and_the_requests_of_its_checks(new_host: NewHost) -> None:
    host = new_host()
    push(host, "r1", "one", signature="armored")
    assert json.loads(host.layout.meta(release("one").id).read_bytes())["signature"] == "armored"
    stored = host.ask_engine("show", "r2", release="live")["stored"]
    assert "signature" not in stored
    assert [sorted(row) for row in stored["contract"]] == [["name", "source"]]
    assert stored["contract"][0]["name"] == "the front page"


def test_a_tree_that_was_changed_by_hand_is_another_one(new_host: NewHost) -> None:
    host, one = new_host(), release("one")
    push(host, "r1", "one")
    confirm(host, "r1", "one")
    (host.layout.conf / "nginx.conf").write_text("# by hand\n")
    answer = host.ask_engine("probe", "r2", known=[one.id])
    assert (answer["live"] == one.id, answer["confirmed"], "tree" in answer) == (False, False, True)


def test_a_host_without_a_configuration_serves_nothing(new_host: NewHost) -> None:
    host = new_host()
    (host.layout.conf / "nginx.conf").unlink()
    answer = host.ask_engine("probe", "r1", needs=[{"kind": "file", "value": "/dev/null"}])
    assert (answer["ok"], answer["live"]) == (True, None)
    assert answer["needs"] == [{"key": ["file", "/dev/null"], "met": True, "actual": "", "near": ""}]


def test_what_no_release_can_hold_is_left_out_and_said(new_host: NewHost) -> None:
    host = new_host()
    before = host.ask_engine("probe", "r1", needs=[])["live"]
    os.mkfifo(host.layout.conf / "pipe")
    answer = host.ask_engine("probe", "r1", needs=[{"kind": "file", "value": "/dev/null"}])
    assert (answer["ok"], answer["live"], answer["needs"][0]["met"]) == (True, before, True)
    (said,) = answer["warnings"]
    assert said.startswith(f"{host.layout.conf}/pipe is left out of what is compared: 'pipe' is a 'pipe'")


def test_preflight_refuses_a_host_that_lacks_what_the_release_needs(new_host: NewHost) -> None:
    host = new_host()
    need = {"kind": "user", "value": "www-dta", "purpose": "", "file": "nginx.conf", "line": 1}
    (problem,) = host.ask_engine("preflight", "r1", release="a" * 64, needs=[need])["problems"]
    assert problem["what"] == "the release needs the user www-dta, for nginx.conf:1, and this host lacks it"
    assert problem["fix"].startswith("did you mean www-data? ")
    assert host.ask_engine("preflight", "r1", release="a" * 64, needs=[{**need, "value": "root"}])["ok"]


# One of each kind that the gate leaves to the preflight, and that no host has.
LACKING = {
    "file": "/nowhere/shop.pem",
    "directory": "/nowhere/shop",
    "socket": "/nowhere/app.sock",
    "name": "nowhere.invalid",
    "endpoint": "nowhere.invalid:8001",
    "address": "203.0.113.77",
    "port": "8443/tcp",
    "user": "nobody-of-that-name",
    "group": "nobody-of-that-name",
    "module": "ngx_http_nowhere_module.so",
}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_preflight_looks_for_each_kind_of_need(new_host: NewHost, kind: str) -> None:
    host = new_host()
    (host.proc / "net").mkdir(exist_ok=True)
    # Somebody listens on port 8443 (20FB), in a process that is not nginx's.
    (host.proc / "net/tcp").write_text("sl\n 0: 00000000:20FB 00000000:0000 0A 0 0 0 0 0 4711\n")
    need = {"kind": kind, "value": LACKING[kind], "purpose": ""}
    (problem,) = host.ask_engine("preflight", "r1", release="a" * 64, needs=[need])["problems"]
    assert problem["what"].startswith(f"the release needs the {kind} {LACKING[kind]}, and ")
    assert "does not know how" not in problem["actual"]


def test_a_tree_that_is_too_large_is_said_to_be(new_host: NewHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_BYTES", 10)
    answer = new_host().ask_engine("probe", "r1")
    assert not answer["ok"]
    assert answer["problems"][0]["what"].startswith("the live tree is too large to be fetched")


SECRETS: dict[str, tuple[dict[str, str], set[str]]] = {
    "a key, by what is in it": ({"a": "-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n"}, {"a"}),
    "a key and its certificate, by who names them": (
        {"nginx.conf": "ssl_certificate tls/a.pem; ssl_certificate_key /etc/nginx/tls/a.key;", "tls/a.pem": "PEM",
         "tls/a.key": "encrypted"},
        {"tls/a.pem", "tls/a.key"},
    ),
    "a client's certificate": (
        {"nginx.conf": 'proxy_ssl_certificate_key "tls/a.key";', "tls/a.key": "x", "tls/ca.pem": "y"}, {"tls/a.key"},
    ),
    "an authority is no secret": ({"nginx.conf": "ssl_client_certificate ca.pem;", "ca.pem": "CA"}, set()),
    "passwords, by who names them": ({"sites/a.conf": "auth_basic_user_file users;", "users": "ann:plain"}, {"users"}),
    "passwords of htpasswd": ({"users": "ann:$apr1$abc$defghijklmnop\n"}, {"users"}),
    "passwords of bcrypt, after a comment": ({"users": "# staff\nann:$2y$05$abcdefghijklmno\n"}, {"users"}),
    "passwords of crypt": ({"users": "ann:rqXexS6ZhobKA:a comment\n"}, {"users"}),
    "passwords of a directory": ({"users": "ann:{SSHA}ZGVmZ2hpamtsbW5v\n"}, {"users"}),
    "a configuration": ({"nginx.conf": "map $a $b {\n  default 1;\n}\nproxy_pass http://app:8001;\n"}, set()),
    "a secret that is named and not in the tree": ({"nginx.conf": "ssl_certificate_key /etc/ssl/a.key;"}, set()),
}  # fmt: skip


@pytest.mark.parametrize("story", SECRETS)
def test_secrets_stay_on_the_host(tmp_path: Path, story: str) -> None:
    files, secret = SECRETS[story]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    sent = pack_without_secrets(tmp_path, Path("/etc/nginx"))
    assert set(sent.withheld) == secret
    assert sent.data is not None
    assert _names(sent.data) & files.keys() == files.keys() - secret


def test_links_are_sent_as_links(tmp_path: Path) -> None:
    (tmp_path / "shop.key").symlink_to("/etc/ssl/private/shop.key")
    sent = pack_without_secrets(tmp_path, Path("/etc/nginx"))
    assert sent.data is not None
    with tarfile.open(fileobj=io.BytesIO(sent.data), mode="r:gz") as archive:
        assert [(member.issym(), member.linkname) for member in archive] == [(True, "/etc/ssl/private/shop.key")]
