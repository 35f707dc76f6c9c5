from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import (
    read_receipt,
    sign,
    withdraw_receipt,
    write_receipt,
)
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES, canonical, digest
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Finding, Verdict

PASS, FAIL = Verdict("pass", "fine", gate="spec"), Verdict("fail", "bad", gate="parse")


DESCRIBED = {"contract": [], "facts": {}, "shared": [], "manifest": [], "needs": [], "platform": {"os": "debian 12"}}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    (tmp_path / "release.json").write_text(json.dumps(DESCRIBED))
    return Release("0" * 64, tmp_path)


def _receipt_files(release: Release) -> list[str]:
    return sorted(path.name for path in release.root.iterdir() if path.name != "release.json")


def _passed(release: Release) -> Examined:
    return Examined(Candidate(("web1",), release), [Verdict("pass", "fine", gate=name) for name in GATES])


@pytest.fixture(scope="module")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make an SSH key with a passphrase, or with none."""

    def make(passphrase: str) -> Path:
        path = tmp_path_factory.mktemp("key") / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ada", "-f", str(path)]
        subprocess.run(command, check=True)
        return path

    return make


def test_a_release_that_passed_gets_a_receipt_that_can_be_read(release: Release) -> None:
    written = write_receipt(_passed(release), "run-1", hours=2)
    content = json.loads((release.root / "receipt.json").read_text())
    assert (content["release"], content["run"]) == (release.id, "run-1")
    assert content["gates"] == dict.fromkeys(GATES, "pass")
    assert read_receipt(release) == written == (content, "")


def test_a_receipt_is_signed_for_those_who_know_the_key(
    release: Release, make_key: Callable[[str], Path], tmp_path: Path
) -> None:
    key = make_key("")
    receipt = write_receipt(_passed(release), "run-1", key=key)
    assert read_receipt(release).signature == receipt.signature
    allowed, signature = tmp_path / "allowed", tmp_path / "signature"
    allowed.write_text(f"ada {key.with_suffix('.pub').read_text()}")
    signature.write_text(receipt.signature)
    command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "ada", "-n", "sluice-receipt"]
    command += ["-s", str(signature)]
    done = subprocess.run(command, input=canonical(receipt.content), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    # A later one that is not signed leaves no signature of another receipt beside it.
    write_receipt(_passed(release), "run-2")
    assert read_receipt(release).signature == ""


def test_a_key_in_the_agent_signs_without_its_passphrase(
    make_key: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key("secret")
    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho secret\n")
    ask.chmod(0o700)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        until = time.monotonic() + 30
        while not (tmp_path / "agent").exists() and time.monotonic() < until:
            time.sleep(0.02)
        asking = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", str(key)], env=asking, check=True)
        assert sign(b"receipt", key.with_suffix(".pub")).startswith("-----BEGIN SSH SIGNATURE-----")
    finally:
        agent.kill()
        agent.wait()


def _missing(key: Path) -> Path:
    return key.with_name("other")


def _open_to_all(key: Path) -> Path:
    key.chmod(0o644)
    return key


def _no_key(key: Path) -> Path:
    key.write_text("hello")
    key.with_suffix(".pub").unlink()
    return key


def _as_it_is(key: Path) -> Path:
    return key


@pytest.mark.parametrize(
    ("passphrase", "spoil", "words"),
    [
        ("", _missing, r"gates_signing_key: there is no file .*/other; make a key with `ssh-keygen -t ed25519"),
        ("", _open_to_all, r"gates_signing_key: .*/key can be read by others, .*; `chmod 600 .*/key`"),
        ("", _no_key, r"gates_signing_key: ssh-keygen cannot sign with .*/key: "),
        (
            "secret",
            _as_it_is,
            r"gates_signing_key: .*/key has a passphrase, and nobody is asked for it here; add the key",
        ),
    ],
)
def test_a_key_that_cannot_sign_is_told_in_words(
    make_key: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    passphrase: str,
    spoil: Callable[[Path], Path],
    words: str,
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(InputError, match=words):
        sign(b"receipt", spoil(make_key(passphrase)))


def test_without_ssh_keygen_nothing_is_signed(
    make_key: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = make_key("")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ssh-keygen") is None
    with pytest.raises(
        InputError, match="ssh-keygen is missing here; install openssh-client, or leave receipts unsigned"
    ):
        sign(b"receipt", key)


@pytest.mark.parametrize(
    ("changes", "fits", "words"),
    [
        ({"run": "run-2"}, False, "the receipt was changed after the gates wrote it"),
        ({"release": "f" * 64}, True, "the receipt is for release ffffffffffff, not for 000000000000"),
        ({"gates": {**dict.fromkeys(GATES, "pass"), "lint": "fail"}}, True, "the gate lint did not pass: fail"),
        ({"gates": {}}, True, "the receipt lacks the gate spec; the receipt lacks the gate parse"),
        ({"expires": "2026-01-01T00:00:00.000Z"}, True, "the receipt expired at 2026-01-01T00:00:00.000Z; here it is"),
    ],
)
def test_a_receipt_that_is_none_for_this_release_is_refused(
    release: Release, changes: Mapping[str, Any], fits: bool, words: str
) -> None:
    content = {**write_receipt(_passed(release), "run-1").content, **changes}
    content["digest"] = digest(content) if fits else content["digest"]
    (release.root / "receipt.json").write_text(json.dumps(content))
    with pytest.raises(SluiceError) as raised:
        read_receipt(release)
    assert words in str(raised.value)
    assert str(raised.value).endswith("; run sluice.nginx.deploy, whose gates write a receipt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[1]", "is none, or one of another version"),
        ("null", "there is no receipt of the gates for release 000000000000"),
        (None, "there is no receipt of the gates for release 000000000000"),
    ],
)
def test_a_broken_or_missing_receipt_is_told_in_words(release: Release, text: str | None, words: str) -> None:
    if text is not None:
        (release.root / "receipt.json").write_text(text)
    with pytest.raises(SluiceError, match=words):
        read_receipt(release)


def test_a_release_that_fails_later_loses_its_receipt(release: Release, make_key: Callable[[str], Path]) -> None:
    write_receipt(_passed(release), "run-1", key=make_key(""))
    withdraw_receipt(release)
    withdraw_receipt(release)
    assert _receipt_files(release) == []


@pytest.mark.parametrize(
    "verdicts",
    [[FAIL], [PASS, FAIL], [PASS, Verdict("inconclusive", "?")], [PASS, Verdict("not run", "-")], []],
)
def test_a_release_that_has_not_passed_gets_none(release: Release, verdicts: list[Verdict]) -> None:
    with pytest.raises(SluiceError, match="a release that has not passed every gate gets no receipt"):
        write_receipt(Examined(Candidate(("web1",), release), verdicts), "run-1")
    assert _receipt_files(release) == []


def test_in_an_emergency_it_gets_one_of_a_kind_of_its_own_that_counts_in_an_emergency_only(
    release: Release, make_key: Callable[[str], Path]
) -> None:
    examined = Examined(
        Candidate(("web1",), release), [*_passed(release).verdicts[1:], Verdict("fail", "-", gate="spec")]
    )
    receipt = write_receipt(examined, "run-1", key=make_key(""), reason="the shop is down")
    assert (receipt.content["kind"], receipt.content["reason"]) == ("emergency", "the shop is down")
    assert receipt.content["gates"] == {**dict.fromkeys(GATES, "pass"), "spec": "fail"}
    assert receipt.signature
    assert read_receipt(release, emergency=True) == receipt
    with pytest.raises(SluiceError, match="the receipt is of the kind emergency, and one of the kind gates is needed"):
        read_receipt(release)


def test_a_receipt_binds_the_content_and_the_inventory(release: Release) -> None:
    content = write_receipt(_passed(release), "run-1", inventory="production").content
    assert content["inventory"] == "production"
    assert set(content["contents"]) == set(DESCRIBED)


def test_what_is_no_release_gets_none() -> None:
    with pytest.raises(SluiceError, match="gets no receipt"):
        write_receipt(Examined(Candidate(("web1",), None), [PASS]), "run-1")


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        ([PASS], True),
        ([PASS, Verdict("pass", "mild", [Finding("mild", warning=True)])], True),
        ([PASS, FAIL], False),
        ([Verdict("inconclusive", "?")], False),
        ([Verdict("not run", "-")], False),
        ([], False),
    ],
)
def test_only_pass_passes(verdicts: list[Verdict], passed: bool) -> None:
    assert Examined(Candidate(("web1",), None), verdicts).passed is passed


def test_what_was_examined_is_plain_data(release: Release) -> None:
    examined = Examined(Candidate(("web1", "web2"), release), [PASS], ["the name app leads to a stub"])
    plain = json.loads(json.dumps(examined.to_json()))
    assert plain["verdicts"][0]["gate"] == "spec"
    assert {key: value for key, value in plain.items() if key != "verdicts"} == {
        "release": release.id,
        "hosts": ["web1", "web2"],
        "passed": True,
        "synthesized": ["the name app leads to a stub"],
        "live": None,
        "changes": [],
        "culprits": None,
    }
