"""A host takes a release only with its receipt, signed by one of those whom it allows; with the real ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.admission import admit
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import Ran, System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.session import Session
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.receipt import GATES, canonical, digest, issue

RELEASE = "a" * 64
PASSED = dict.fromkeys(GATES, "pass")


class Keys:
    """Two keys; the first belongs to ada, whom the host allows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("ada", "eve"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
            subprocess.run(command, check=True)

    def allowed(self, *names: str) -> str:
        """Lines of an allowed_signers file, with options in front of the key."""
        lines = []
        for line in names:
            name, _, restricted = line.partition(" ")
            lines.append(f"{name}@desk {restricted} {(self._folder / f'{name}.pub').read_text()}")
        return "".join(lines)

    def sign(self, name: str, data: bytes, namespace: str = "sluice-receipt") -> str:
        """A signature by the key."""
        command = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", str(self._folder / name)]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    layout = Layout(runtime=tmp_path / "runtime", allowed_signers=tmp_path / "allowed_signers")
    return Session(System(), layout, {"id": "run-1", "who": "ada", "from": "desk"})


def _receipt(session: Session, **changes: Any) -> dict[str, Any]:
    receipt = {**issue(RELEASE, "run-1", session.system.now(), 1, PASSED), **changes}
    return {**receipt, "digest": digest(receipt)}


@pytest.mark.parametrize(
    "allowed",
    [
        ("ada",),
        ("eve", "ada"),
        ('ada namespaces="sluice-receipt"',),
        # A line that allows the key for another purpose does not hide the one that allows it for this.
        ('ada namespaces="git"', "ada"),
    ],
)
def test_a_receipt_signed_by_one_who_is_allowed_is_taken(
    session: Session, keys: Keys, allowed: tuple[str, ...]
) -> None:
    session.layout.allowed_signers.write_text(keys.allowed(*allowed))
    receipt = _receipt(session)
    assert admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt))) == []
    assert session.warnings == []
    assert list(session.layout.runtime.iterdir()) == []


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ("unsigned", "the receipt is not signed, and this host takes signed ones only"),
        ("by eve", "the receipt is signed with a key that this host does not allow"),
        ("of another receipt", "the receipt's signature is forged: it was not made over this receipt"),
        ("for another purpose", "the receipt's signature is forged: it was not made over this receipt"),
        ("garbage", "the receipt's signature is none: it cannot be read"),
        ("cut short", "the receipt's signature is none: it cannot be read"),
    ],
)
def test_a_host_that_names_its_signers_takes_no_other_signature(
    session: Session, keys: Keys, case: str, what: str
) -> None:
    session.layout.allowed_signers.write_text(keys.allowed("ada"))
    receipt = _receipt(session)
    good = keys.sign("ada", canonical(receipt))
    signature = {
        "unsigned": "",
        "by eve": keys.sign("eve", canonical(receipt)),
        "of another receipt": keys.sign("ada", canonical({**receipt, "run": "run-2"})),
        "for another purpose": keys.sign("ada", canonical(receipt), "file"),
        "garbage": "garbage",
        "cut short": good[: len(good) // 2],
    }[case]
    (problem,) = admit(session, RELEASE, receipt, signature)
    assert problem.what == what
    assert problem.expected == f"a signature of one of those in {session.layout.allowed_signers}"
    assert not session.layout.runtime.exists() or list(session.layout.runtime.iterdir()) == []


@pytest.mark.parametrize("text", ["", "ada@desk no-key\n"])
def test_a_file_that_allows_nobody_refuses_everybody(session: Session, keys: Keys, text: str) -> None:
    session.layout.allowed_signers.write_text(text)
    receipt = _receipt(session)
    (problem,) = admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt)))
    assert problem.what == "the receipt is signed with a key that this host does not allow"
    assert problem.do == "sign with a key that is allowed, or allow this one with playbooks/trust.yml"


def test_a_receipt_that_is_none_for_the_release_is_refused_however_well_it_is_signed(
    session: Session, keys: Keys
) -> None:
    session.layout.allowed_signers.write_text(keys.allowed("ada"))
    receipt = _receipt(session, release="b" * 64, gates={**PASSED, "smoke": "fail"}, expires="2026-01-01T00:00:00.000Z")
    problems = admit(session, RELEASE, receipt, keys.sign("ada", canonical(receipt)))
    assert [problem.what.split(";")[0] for problem in problems] == [
        f"the receipt is for release {'b' * 12}, not for {'a' * 12}",
        "the receipt says that the gate smoke did not pass: fail",
        "the receipt expired at 2026-01-01T00:00:00.000Z",
    ]
    assert {problem.do for problem in problems} == {"run deploy.yml, whose gates write a receipt"}


def test_without_a_receipt_nothing_is_taken_on_any_host(session: Session) -> None:
    (problem,) = admit(session, RELEASE, None, "")
    assert problem.what == f"there is no receipt of the gates for release {'a' * 12}"
    assert session.warnings == []


def test_a_host_that_names_no_signers_says_so_each_time(session: Session) -> None:
    assert admit(session, RELEASE, _receipt(session), "") == []
    assert session.warnings == [
        f"receipts are not verified on this host: it has no {session.layout.allowed_signers} that says who may sign "
        "them (playbooks/trust.yml puts it there)"
    ]


def test_a_host_without_ssh_keygen_verifies_nothing_and_takes_nothing(session: Session, keys: Keys) -> None:
    class Bare(System):
        def run(self, *arguments: Any, **more: Any) -> Ran:
            return Ran(127, "ssh-keygen: No such file or directory")

    bare = Session(Bare(), session.layout, session.run)
    bare.layout.allowed_signers.write_text(keys.allowed("ada"))
    receipt = _receipt(bare)
    (problem,) = admit(bare, RELEASE, receipt, keys.sign("ada", canonical(receipt)))
    assert problem.what == "the receipt's signature cannot be verified here"
    assert problem.seen == "ssh-keygen: No such file or directory"
    assert problem.do == "see to it that ssh-keygen (package openssh-client) works on the host"
