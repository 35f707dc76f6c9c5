"""The controller's side: what is sent, and what is made of what comes back."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError


def test_the_pack_is_the_same_for_the_same_sources() -> None:
    packed = remote.pack()
    assert json.loads(zlib.decompress(packed.data)) == remote.sources()
    assert packed.digest == hashlib.sha256(zlib.decompress(packed.data)).hexdigest()
    names = set(remote.sources())
    assert {"sluice/__init__.py", "sluice/errors.py", "sluice/manifest.py", "sluice/engine/main.py"} <= names
    assert not [name for name in names if not name.startswith("sluice/") or not name.endswith(".py")]


def _pythons() -> list[str]:
    """Return every Python of this machine that hosts may have as well, newer than 3.7."""
    named = [shutil.which(f"python3.{minor}") for minor in range(8, 20)]
    found = [path for path in named if path and not subprocess.run([path, "-c", ""], capture_output=True).returncode]
    return [sys.executable, *found]


@pytest.mark.parametrize("python", _pythons())
def test_hosts_can_import_all_that_is_shipped_with_the_standard_library_alone(python: str, tmp_path: Path) -> None:
    for path, text in remote.sources().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    names = [path[: -len(".py")].replace("/", ".") for path in remote.sources()]
    program = (
        f"import importlib, sys; sys.path.append({str(tmp_path)!r}); [importlib.import_module(n) for n in {names}]"
    )
    done = subprocess.run([python, "-IS", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_many_threads_pack_once() -> None:
    remote._packed.cache_clear()
    with ThreadPoolExecutor(20) as pool:
        packs = list(pool.map(lambda _: remote.pack(), range(20)))
    assert len({id(each) for each in packs}) == 1
    assert remote._packed.cache_info().misses == 1


@pytest.mark.parametrize("engine", [True, False])
def test_the_payload_says_what_is_in_it(engine: bool) -> None:
    data = remote.payload({"op": "status"}, b"bundle", engine=engine)
    header, _, rest = data.partition(b"\n")
    digest, _, *sizes = header.decode().split()
    assert digest == remote.pack().digest
    assert [int(size) for size in sizes] == [len(remote.pack().data) if engine else 0, len(b'{"op": "status"}'), 6]
    assert len(rest) == sum(int(size) for size in sizes)
    assert rest.endswith(b'{"op": "status"}bundle')


@pytest.mark.parametrize(("op", "kept"), [("status", b"keep"), ("probe", b"leave")])
def test_a_probe_leaves_no_engine_behind(op: str, kept: bytes) -> None:
    assert remote.payload({"op": op}).split()[1] == kept


def test_a_host_without_the_engine_asks_for_it() -> None:
    data = remote.payload({"op": "status"}, engine=False).replace(remote.pack().digest.encode(), b"0" * 64)
    done = subprocess.run(shlex.split(remote.command(sys.executable)), input=data, capture_output=True, check=False)
    with pytest.raises(remote.EngineMissing):
        remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, "status")


@pytest.mark.parametrize("op", ["status", "probe"])
def test_an_engine_under_the_digest_of_another_one_is_neither_run_nor_kept(op: str) -> None:
    evil = zlib.compress(json.dumps({"sluice/engine/install.py": "print('evil')"}).encode())
    honest = "0" * 64
    request = json.dumps({"op": op, "run": {}}).encode()
    data = f"{honest} keep {len(evil)} {len(request)} 0\n".encode() + evil + request
    done = subprocess.run(shlex.split(remote.command(sys.executable)), input=data, capture_output=True, check=False)
    assert b"evil" not in done.stdout
    with pytest.raises(SluiceError, match="the engine that came is not the one that was announced"):
        remote.answer(done.stdout.decode(), done.stderr.decode(), done.returncode, op)


def test_the_command_survives_a_shell() -> None:
    words = shlex.split(remote.command("/opt/my python/bin/python3"))
    assert words[:3] == ["/opt/my python/bin/python3", "-IS", "-c"]
    compile(words[3], "bootstrap", "exec")
    assert shlex.split(remote.command("/usr/bin/env python3"))[:3] == ["/usr/bin/env", "python3", "-IS"]
    # csh ends a quoted text at the end of its line, and fish takes a pair of backslashes for one.
    assert "\n" not in remote.command()
    assert "\\\\" not in remote.command()


@pytest.mark.parametrize(
    "stdout",
    [
        'SLUICE-ANSWER {"ok": true, "note": "well"}',
        'Welcome!\nSLUICE-ANSWER {"ok": true, "note": "well"}\nbye\n',
        'Welcome! SLUICE-ANSWER {"ok": true, "note": "well"}\r\n',
        'SLUICE-ANSWER {"ok": fal\nSLUICE-ANSWER {"ok": true, "note": "well"}\n',
        'SLUICE-ANSWER {"ok": true, "note": "well"}\nSLUICE-ANSWER cut',
    ],
)
def test_the_answer_is_found_in_noise(stdout: str) -> None:
    answer = remote.answer(stdout, "sudo: unable to resolve host x", 0, "bake")
    assert answer == {"ok": True, "changed": False, "problems": [], "warnings": [], "note": "well"}


def test_a_line_that_was_cut_is_said() -> None:
    with pytest.raises(SluiceError, match="the host's answer to bake is malformed"):
        remote.answer('SLUICE-ANSWER {"ok": fal', "", 0, "bake")


def test_an_answer_of_many_megabytes_is_not_read() -> None:
    with pytest.raises(SluiceError, match="the host answered to bake with more than 32 MiB"):
        remote.answer('SLUICE-ANSWER {"ok": true}' + " " * (32 << 20), "", 0, "bake")


def test_what_a_host_prints_in_place_of_an_answer_is_shown_without_controls() -> None:
    with pytest.raises(SluiceError, match=r"its last words: \\x1b\[2Jgone"):
        remote.answer("", "\x1b[2Jgone", 1, "bake")
    with pytest.raises(SluiceError, match="ended with code 1"):
        remote.answer("ImportError: " * 2_000_000, "", 1, "bake")


@pytest.mark.parametrize(
    ("stdout", "stderr", "rc", "said"),
    [
        ("", "sh: 1: python3: not found", 127, "python3 is missing on the host"),
        ("", "bash: python3: command not found", 127, "python3 is missing on the host"),
        (
            "",
            "ModuleNotFoundError: No module named 'shutil'",
            1,
            "lacks shutil; install the distribution's whole python3",
        ),
        ("", "SyntaxError: future feature annotations is not defined", 1, "3.8 or newer is needed"),
        ("", "sudo: a password is required", 1, "refused to become root: sudo: a password is required"),
        ("", "sudo: sorry, you must have a tty to run sudo", 1, "to run sudo; set ansible_pipelining: false"),
        ("", "Sorry, user ann is not allowed to execute '/bin/sh' as root on web1.", 1, "set rollout_engine_command"),
        ("", "doas: Operation not permitted", 1, "not permitted; check ansible_become_method"),
        (
            "",
            "Traceback (most recent call last):\n  File\nValueError: no good\n",
            1,
            "its last words: ValueError: no good",
        ),
        ("", "the payload ended early", 1, "the payload ended early"),
        ("Hello", "", 0, "code 0 and without an answer; its last words: Hello"),
        ("", "", 255, "code 255 and without an answer; its last words: none"),
    ],
)
def test_silence_is_explained(stdout: str, stderr: str, rc: int, said: str) -> None:
    with pytest.raises(SluiceError) as caught:
        remote.answer(stdout, stderr, rc, "status")
    assert said in str(caught.value)


def test_a_payload_that_was_cut_short_is_not_acted_on() -> None:
    data = remote.payload({"op": "activate"}, b"bundle")[:-1]
    done = subprocess.run(shlex.split(remote.command(sys.executable)), input=data, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"ended early" in done.stderr
