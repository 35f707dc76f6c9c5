"""How the engine comes to a host, and how it starts there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.engine import MARKER
from ansible_collections.sluice.nginx.plugins.module_utils.engine.install import install
from ansible_collections.sluice.nginx.plugins.module_utils.engine.watchdog import arm
from tests.unit.engine.simulation.host import SimulatedHost
from tests.unit.engine.simulation.work import push

SOURCES = {"sluice/__init__.py": "", "sluice/here.py": "import os\nplace = os.path.dirname(__file__)\n"}
# What the bootstrap does, with the modules that a file holds.
START = """
import marshal, sys
with open(sys.argv[1], "rb") as file:
    codes = marshal.load(file)
space = {}
code = codes["sluice.engine.loading"][1]
exec(code if isinstance(code, str) else marshal.loads(code), space)
space["run"](codes, sys.argv[2].encode(), b"")
"""


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_sources_and_what_they_compile_to_are_kept(tmp_path: Path) -> None:
    codes = install(SOURCES, "d1", str(tmp_path), keep=True)
    assert files(tmp_path / "engine/d1") == [f"{sys.hexversion:x}.code", "sluice/__init__.py", "sluice/here.py"]
    assert codes["sluice.here"][0] == str(tmp_path / "engine/d1/sluice/here.py")
    assert set(codes) == {"sluice", "sluice.here"}


def test_another_python_compiles_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(SOURCES, "d1", str(tmp_path), keep=True)
    monkeypatch.setattr(sys, "hexversion", 0x30F00F0)
    install(SOURCES, "d1", str(tmp_path), keep=True)
    assert "30f00f0.code" in files(tmp_path / "engine/d1")


def test_nothing_is_left_where_nothing_may_be(tmp_path: Path) -> None:
    assert install(SOURCES, "d1", str(tmp_path), keep=False)["sluice.here"] == (
        "sluice/here.py",
        SOURCES["sluice/here.py"],
    )
    assert files(tmp_path) == []


def test_a_host_that_can_keep_nothing_runs_the_engine_from_memory(tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("a file where the folder should be")
    assert install(SOURCES, "d1", str(tmp_path), keep=True)["sluice"] == ("sluice/__init__.py", "")


def test_old_engines_go_and_that_of_the_watchdog_stays(tmp_path: Path) -> None:
    for number in range(5):
        install(SOURCES, f"d{number}", str(tmp_path), keep=True)
        os.utime(tmp_path / f"engine/d{number}", (number, number))
        if number == 1:
            (tmp_path / "watchdog.py").write_text(f"sys.path.insert(0, '{tmp_path}/engine/d1')")
    assert sorted(os.listdir(tmp_path / "engine")) == ["d1", "d2", "d3", "d4"]


def test_what_was_cut_short_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    assert install(SOURCES, "d1", str(tmp_path), keep=True)["sluice.here"][0] == "sluice/here.py"
    assert files(tmp_path) == []


@pytest.mark.parametrize("keep", [True, False])
def test_the_engine_starts_from_what_was_kept_and_from_memory(tmp_path: Path, keep: bool) -> None:
    import marshal

    codes = install(remote.sources(), "d1", str(tmp_path / "root"), keep)
    (tmp_path / "codes").write_bytes(marshal.dumps(codes))
    request = json.dumps({"op": "no such thing", "run": {}})
    argv = [sys.executable, "-IS", "-c", START, str(tmp_path / "codes"), request]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.partition(MARKER)[2])
    assert answer["ok"] is False
    assert answer["problems"][0]["what"].startswith(("the engine has no operation", "the engine must be root"))


# What only some operations need, and a function of theirs imports.
DEAR = {"datetime", "difflib", "gzip", "http.client", "shutil", "socket", "ssl", "subprocess", "tarfile", "ctypes"}
# What none needs.
DEAR |= {"asyncio", "dataclasses", "email", "inspect", "logging"}


@pytest.mark.parametrize(
    "operation", ["preflight", "activate", "confirm", "rollback", "bake", "status", "probe", "traffic"]
)
def test_no_operation_imports_what_costs_a_host_more_than_its_work(tmp_path: Path, operation: str) -> None:
    import marshal

    codes = install(remote.sources(), "d1", str(tmp_path), keep=True)
    (tmp_path / "codes").write_bytes(marshal.dumps(codes))
    module = {"confirm": "finalize", "rollback": "finalize"}.get(operation, operation)
    script = START.rpartition("space[")[0] + (
        "sys.meta_path.insert(0, space['Modules'](codes))\n"
        "from importlib import import_module\n"
        f"import_module('sluice.engine.main'), import_module('sluice.engine.operations.{module}')\n"
        f"print(sorted({DEAR} & set(sys.modules)))\n"
    )
    argv = [sys.executable, "-IS", "-c", script, str(tmp_path / "codes")]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == "[]"


ARMED = """
import sys
space = {}
exec(CODES["sluice.engine.loading"][1], space)
sys.meta_path.insert(0, space["Modules"](CODES))
from sluice.engine.watchdog import arm
print([arm._ENGINE])
"""


def test_an_engine_in_memory_gives_the_watchdog_no_folder_of_whoever_started_it(tmp_path: Path) -> None:
    codes = install(remote.sources(), "d1", str(tmp_path), keep=False)
    script = f"CODES = {codes!r}\n{ARMED}"
    # As sudo leaves it: the folder of the user who called.
    done = subprocess.run([sys.executable, "-IS", "-"], input=script, cwd=tmp_path, text=True, capture_output=True)
    assert done.stdout == "['']\n", done.stderr
    where = install(remote.sources(), "d1", str(tmp_path), keep=True)["sluice.engine.watchdog.arm"][0]
    assert where.startswith(f"{tmp_path}/engine/d1/")


def test_nothing_is_switched_where_the_watchdog_has_no_engine_to_start(
    new_host: Callable[..., SimulatedHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arm, "_ENGINE", "")
    host = new_host()
    answer = push(host, "r1", "a")
    assert answer["problems"][0]["what"] == "the watchdog could not be armed on this host, so nothing was switched"
    assert (json.loads(host.layout.state.read_bytes())["pending"], host.layout.linked()) == (None, None)
    # There the watchdog is a process of its own, which has the engine already.
    assert push(new_host(has_systemd=False), "r1", "a")["ok"]
