"""The engine that belongs to a host: how it is put in place, and what it refuses, another engine above all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import receipt as receipts
from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.engine import launcher, own
from ansible_collections.sluice.nginx.plugins.module_utils.engine.admission import Admitted
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host import trust
from ansible_collections.sluice.nginx.plugins.module_utils.engine.host.system import System
from ansible_collections.sluice.nginx.plugins.module_utils.engine.main import handle
from ansible_collections.sluice.nginx.plugins.module_utils.engine.store import Layout
from ansible_collections.sluice.nginx.plugins.module_utils.gating.receipts import sign
from ansible_collections.sluice.nginx.plugins.module_utils.textfmt import now

RUN = {"id": "r1", "who": "ann", "from": "desk"}
Answer = dict[str, Any]


class Host:
    """A host below a folder, with an engine of its own, and a key that may sign for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "key"
        if not self.key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        etc = folder / "etc"
        self.layout = Layout(
            root=folder / "sluice",
            conf=folder / "nginx",
            runtime=folder / "run",
            allowed_signers=etc / "allowed_signers",
            own=folder / "own",
            command=folder / "sbin/sluice-engine",
        )

    @property
    def signers(self) -> str:
        return f"ann@desk {self.key.with_suffix('.pub').read_text()}"

    def ask(self, op: str, bundle: bytes = b"", *, own: bool = True, **request: Any) -> Answer:
        """Ask the host's own engine, or one that was sent along."""
        return handle({"op": op, "run": RUN, **request}, bundle, System(), self.layout, own=own)

    def trust(self, *, own: bool = False, key: Path | None = None, later: int = 0, **facts: Any) -> Answer:
        looking = bool(facts.pop("looking", False))
        given = {"signers": self.signers, "engine": remote.pack().digest, "forget": False, **facts}
        statement = self.state("trust", given.pop("inventory", "production"), later, **given)
        signature = sign(receipts.canonical(statement), key, "sluice-trust") if key else ""
        request = {"statement": statement, "signature": signature, "looking": looking}
        return self.ask("trust", remote.pack().data, own=own, **request)

    def state(self, kind: str, inventory: str, later: int = 0, **facts: Any) -> dict[str, Any]:
        made = receipts.state(kind, now(), 1, inventory, **facts)
        return {**made, "number": made["number"] + later}

    def update(self, sources: dict[str, str], later: int = 1, *, key: Path | None = None, **more: Any) -> Answer:
        content = json.dumps(sources, sort_keys=True).encode()
        named = more.pop("digest", hashlib.sha256(content).hexdigest())
        statement = {**self.state("engine", "", later, digest_of_engine=named), **more}
        signature = sign(receipts.canonical(statement), key, "sluice-engine") if key else ""
        return self.ask("update_engine", zlib.compress(content), statement=statement, signature=signature)

    @property
    def current(self) -> str:
        return (self.folder / "own/current").read_text().split()[0]

    def start(self, request: Answer, *, digest: str = "", arguments: tuple[str, ...] = (), **more: Any) -> Any:
        """Start what is installed, as sshd and sudo do."""
        script = self.layout.command.read_text().replace('"/usr/local/lib/sluice"', repr(str(self.layout.own)))
        path = self.folder / "launcher"
        path.write_text(script)
        data = remote.payload({"run": RUN, **request}, engine=False)
        if digest:
            data = data.replace(remote.pack().digest.encode(), digest.encode(), 1)
        argv = [sys.executable, "-IS", str(path), *arguments]
        return subprocess.run(argv, input=more.pop("data", data), capture_output=True, check=False, **more)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a host that was told whom to trust. It compiles its engine, which takes longer than a test."""
    made = Host(tmp_path_factory.mktemp("told"))
    assert made.trust()["ok"]
    return made.folder


@pytest.fixture
def trusted(told: Path, tmp_path: Path) -> Host:
    """A copy of that host."""
    shutil.copytree(told, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Host(tmp_path)


def words(answer: Answer) -> list[str]:
    return [problem["what"] for problem in answer["problems"]]


def changed(text: str) -> dict[str, str]:
    """The sources of an engine of another version."""
    return {**remote.sources(), "sluice/__init__.py": text}


def test_a_host_is_told_once_who_may_sign_and_to_what_it_belongs(host: Host) -> None:
    looked = host.trust(looking=True)
    assert (looked["changed"], host.layout.own.exists()) == (True, False)
    assert host.trust()["changed"]
    assert host.layout.allowed_signers.read_text() == host.signers
    assert host.layout.allowed_signers.with_name("inventory").read_text() == "production\n"
    assert host.current == remote.pack().digest
    assert os.stat(host.layout.command).st_mode & 0o7777 == 0o755
    assert not host.trust()["changed"]


def test_what_is_installed_answers_and_does_not_run_what_comes_along(trusted: Host) -> None:
    done = trusted.start({"op": "no such thing"})
    answer = remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, "no such thing")
    assert words(answer)[0].startswith(("the engine has no operation", "the engine must be root"))
    evil = b"print('evil')"
    request = b'{"op": "status"}'
    header = f"{remote.pack().digest} keep {len(evil)} {len(request)} 0\n".encode()
    assert b"evil" not in trusted.start({}, data=header + evil + request).stdout


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "answers requests of Sluice only"),
        (b"id\n", "answers requests of Sluice only"),
        (b"a keep 0 1\n{}", "answers requests of Sluice only"),
        (b"a keep 0 -1 0\n{}", "answers requests of Sluice only"),
        ("a keep 0 ²2 0\n{}".encode(), "answers requests of Sluice only"),
        (b"a keep 0 99999999999 0\n{}", "answers requests of Sluice only"),
        (b"x" * 100_000, "answers requests of Sluice only"),
        (b"a keep 0 3 0\n{}", "the payload ended early"),
    ],
)
def test_what_is_no_request_is_refused_in_words(trusted: Host, data: bytes, said: str) -> None:
    done = trusted.start({}, data=data)
    assert done.returncode != 0
    assert said in done.stderr.decode()


def test_no_argument_and_no_variable_of_the_environment_counts(trusted: Host) -> None:
    done = trusted.start({"op": "status"}, arguments=("status",))
    assert (done.returncode, done.stderr) == (1, b"sluice-engine takes no arguments\n")
    bad = trusted.folder / "bad"
    bad.mkdir()
    (bad / "marshal.py").write_text("print('evil')")
    (bad / "zlib.py").write_text("print('evil')")
    environment = {"PYTHONPATH": str(bad), "PYTHONHOME": str(bad), "PYTHONSTARTUP": str(bad / "zlib.py")}
    more = {"SSH_ORIGINAL_COMMAND": "id", "PATH": str(bad), "LD_LIBRARY_PATH": str(bad)}
    done = trusted.start({"op": "no such thing"}, env={**environment, **more}, cwd=bad)
    assert b"evil" not in done.stdout + done.stderr
    assert b"SLUICE-ANSWER" in done.stdout


def test_another_python_compiles_the_sources_that_are_there(trusted: Host) -> None:
    for path in trusted.layout.own.rglob("*.code"):
        path.unlink()
    assert b"SLUICE-ANSWER" in trusted.start({"op": "no such thing"}).stdout
    assert list(trusted.layout.own.rglob("*.code"))


@pytest.mark.skipif(os.geteuid() != 0, reason="the engine answers root alone")
@pytest.mark.parametrize(
    ("op", "answered"), [("activate", False), ("probe", False), ("confirm", False), ("show", True)]
)
def test_a_controller_of_another_version_is_told_and_may_look_and_roll_back(
    trusted: Host, op: str, answered: bool
) -> None:
    done = trusted.start({"op": op, "release": "live"}, digest="f" * 64)
    answer = remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, op)
    told = "the host's engine is another one; gates_signing_key updates it"
    assert (told in words(answer)) is not answered
    assert ("engine" in answer) is not answered


def test_an_engine_is_updated_by_a_signature(trusted: Host) -> None:
    first = trusted.current
    answer = trusted.update(changed("X = 1\n"), key=trusted.key)
    assert (answer["ok"], answer["changed"]) == (True, True), answer
    assert trusted.current != first
    assert answer["engine"]["digest"] == trusted.current
    assert not trusted.update(changed("X = 1\n"), key=None)["changed"]


def _other_key(host: Host) -> Path:
    other = host.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    return other


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (lambda host: host.update(changed("X = 2\n")), "the engine is not signed"),
        (lambda host: host.update(changed("X = 2\n"), key=_other_key(host)), "a key that this host does not allow"),
        (lambda host: host.update(changed("X = 2\n"), -10_000_000, key=host.key), "was signed before the one"),
        (lambda host: host.update(changed("X = 2\n"), 4_000_000, key=host.key), "comes from the future"),
        (lambda host: host.update(changed("X = 2\n"), digest="0" * 64, key=host.key), "not the one that was announced"),
        (lambda host: host.update(changed("X = 2\n"), kind="trust", key=host.key), "to be signed for engine is none"),
        (
            lambda host: host.update(changed("X = 2\n"), expires="2020-01-01T00:00:00.000Z", key=host.key),
            "expired at 2020",
        ),
    ],
)
def test_no_other_engine_takes_its_place(trusted: Host, attack: Callable[[Host], Answer], said: str) -> None:
    before, script = trusted.current, trusted.layout.command.read_text()
    answer = attack(trusted)
    assert not answer["ok"]
    assert any(said in what for what in words(answer)), answer
    assert (trusted.current, trusted.layout.command.read_text()) == (before, script)


def test_an_engine_that_unpacks_without_end_is_refused(trusted: Host) -> None:
    answer = trusted.update({"sluice/a.py": " " * own.MOST}, key=trusted.key)
    assert words(answer) == ["the engine that came is not the one that was announced"]


def test_an_engine_that_was_sent_along_updates_nothing(trusted: Host) -> None:
    statement = trusted.state("engine", "", digest_of_engine="0" * 64)
    answer = trusted.ask("update_engine", own=False, statement=statement, signature="")
    assert words(answer) == ["this host is asked without its own engine"]


def test_signers_change_by_the_signature_of_one_who_may_sign_now(trusted: Host) -> None:
    other = _other_key(trusted)
    theirs = f"eve@attic {other.with_suffix('.pub').read_text()}"
    for key, said in ((None, "the trust is not signed"), (other, "a key that this host does not allow")):
        answer = trusted.trust(own=True, key=key, signers=theirs)
        assert any(said in what for what in words(answer)), answer
    assert trusted.layout.allowed_signers.read_text() == trusted.signers
    both = trusted.trust(own=True, key=trusted.key, signers=trusted.signers + theirs)
    assert both["ok"], both
    assert trusted.layout.allowed_signers.read_text() == trusted.signers + theirs


def test_what_was_signed_before_changes_no_signers_and_no_inventory(trusted: Host) -> None:
    assert trusted.trust(own=True, key=trusted.key, later=1000, signers=trusted.signers + "\n")["ok"]
    older = trusted.trust(own=True, key=trusted.key)
    assert words(older) == ["this was signed before what the host was told last"]
    elsewhere = trusted.trust(own=True, key=trusted.key, later=2000, inventory="staging")
    assert words(elsewhere) == ["the trust was signed for another inventory"]
    # An administrator who has another way may.
    assert trusted.trust(inventory="staging")["ok"]


@pytest.mark.parametrize("again", [False, True])
def test_what_was_signed_before_an_administrator_came_is_older(trusted: Host, again: bool) -> None:
    both = trusted.signers + f"eve@attic {_other_key(trusted).with_suffix('.pub').read_text()}"
    if not again:
        assert trusted.trust(own=True, key=trusted.key, signers=both, later=1000)["ok"]
    # Signed, and not seen here before somebody took the line out, or found that it is not there.
    assert trusted.trust(later=3000)["changed"] is not again
    late = trusted.trust(own=True, key=trusted.key, signers=both, later=2000)
    assert words(late) == ["this was signed before what the host was told last"]
    assert trusted.layout.allowed_signers.read_text() == trusted.signers


def test_of_two_that_tell_at_once_one_waits(trusted: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    write = Admitted.write

    def look(admitted: Admitted, kind: str, number: int, release: str = "") -> None:
        write(admitted, kind, number, release)
        with open(trusted.layout.root / "lock") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(number)

    read = Admitted.read

    def asked(admitted: Admitted, kind: str) -> tuple[int, str]:
        with open(trusted.layout.root / "lock") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return read(admitted, kind)

    monkeypatch.setattr(Admitted, "write", look)
    monkeypatch.setattr(Admitted, "read", asked)
    assert trusted.trust(own=True, key=trusted.key, later=1000, signers=trusted.signers + "\n")["ok"]
    assert held


def test_receipts_are_forgotten_where_a_clock_ran_ahead_and_older_ones_stay_older(trusted: Host) -> None:
    admitted = trusted.layout.root / "admitted.json"
    admitted.write_text(json.dumps({"receipt": [9_999_999_999_999, "a" * 64]}))
    assert trusted.trust(forget=True)["changed"]
    number, release = json.loads(admitted.read_text())["receipt"]
    assert (number < 9_999_999_999_999, number > 1_700_000_000_000, release) == (True, True, "")


@pytest.mark.parametrize("damaged", ["[", "[]", "{}", ""])
def test_what_cannot_be_read_of_receipts_lets_none_of_before_in(trusted: Host, damaged: str) -> None:
    admitted = trusted.layout.root / "admitted.json"
    known = json.loads(admitted.read_text())["trust"][0]
    admitted.write_text(damaged)
    assert trusted.trust(signers=trusted.signers + "\n", later=1000)["ok"]
    found = json.loads(admitted.read_text())
    assert all(number > known for number, _ in found.values())
    assert ("receipt" in found) is (damaged != "{}")


def test_the_launcher_is_what_is_shipped(trusted: Host) -> None:
    shebang, _, text = trusted.layout.command.read_text().partition("\n")
    python = shebang[len("#!") : -len(" -IS")]
    assert (os.path.realpath(python), shebang[-4:]) == (os.path.realpath(sys.executable), " -IS")
    assert text == Path(launcher.__file__).read_text()


@pytest.mark.parametrize("open_to_others", [None, "venv/bin", "venv/bin/chain", "real", "real/python"])
def test_the_launcher_is_run_by_a_python_that_is_root_s_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_to_others: str | None
) -> None:
    # What tests run in may be open to others above their folder.
    monkeypatch.setattr(
        trust, "_folders_fault", lambda path, top, known=trust._folders_fault: known(path, str(tmp_path))
    )
    for name in ("venv/bin/chain", "real"):
        (tmp_path / name).mkdir(mode=0o755, parents=True)
    (tmp_path / "real/python").write_text("")
    (tmp_path / "real/python").chmod(0o755)
    (tmp_path / "venv/bin/chain/python").symlink_to("../../../real/python")
    (tmp_path / "venv/bin/python").symlink_to("chain/python")
    if open_to_others:
        (tmp_path / open_to_others).chmod(0o777)
    fault = trust.interpreter_fault(str(tmp_path / "venv/bin/python"))
    assert (str(tmp_path / open_to_others) in fault) if open_to_others else not fault


def test_no_engine_is_installed_for_a_python_that_others_can_change(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "interpreter_fault", lambda path: f"{path} is anybody's")
    answer = host.trust()
    assert words(answer) == ["others than root could change the Python that is to start the host's engine"]
    assert (host.layout.command.exists(), host.layout.allowed_signers.exists()) == (False, False)
    monkeypatch.setattr(own, "interpreter_fault", lambda path: "" if path == os.path.realpath(path) else "a link")
    assert host.trust()["ok"]
    assert host.layout.command.read_text().startswith(f"#!{os.path.realpath(sys.executable)} -IS\n")
