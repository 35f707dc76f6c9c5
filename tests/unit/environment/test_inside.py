"""What the agents keep to: bounds of their container, files that are none, and no import beside a release."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils import remote
from ansible_collections.sluice.nginx.plugins.module_utils.environment import inside
from ansible_collections.sluice.nginx.plugins.module_utils.environment.inside import common, limits

V1 = {"memory": "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n", "processes": "max {}\n"}
V2 = {"memory": "low 0\nhigh 0\nmax 7\noom 1\noom_kill {}\noom_group_kill 0\n", "processes": "max {}\n"}


@pytest.mark.parametrize(("version", "texts"), [(0, V1), (1, V2)], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("memory", "processes", "expected"),
    [(0, 0, {}), (3, 0, {"memory": 3}), (0, 12, {"processes": 12}), (1, 1, {"memory": 1, "processes": 1})],
)
def test_hits_are_counted_on_either_version(
    tmp_path: Path, version: int, texts: dict[str, str], memory: int, processes: int, expected: dict[str, int]
) -> None:
    places = {}
    for name, number in (("memory", memory), ("processes", processes)):
        (tmp_path / name).write_text(texts[name].format(number))
        paths = [str(tmp_path / "none"), str(tmp_path / "none")]
        paths[version] = str(tmp_path / name)
        places[name] = ((paths[0], paths[1]), limits._COUNTERS[name][1])
    assert limits.hits(places) == expected


def test_only_regular_files_are_read_and_only_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "_MOST_BYTES", 5)
    (tmp_path / "log").write_bytes(b"one\xff two")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    assert common.read_file(tmp_path / "log") == "one\ufffd "
    assert common.read_file(tmp_path / "log", 5) == "two"
    assert [common.read_file(tmp_path / name) for name in ("pipe", "endless", "gone", ".")] == [""] * 4


# In an interpreter as the container has it: what is asked needs no module that was not there before.
SEALED = """
import io, sys
sys.path[:0] = {paths}
from sluice.environment.inside import common, completing, main, modules
from pathlib import Path
work = Path({home!r})
for module in (main, common): module.HOME, module.PLAN = work, work / "plan.json"
asked = io.BytesIO(b'["t1", "read", [{{"path": "/etc/hostname"}}]]\\n["t2", "no such thing", []]\\n')
told = io.StringIO()
main.main(asked, told, "nginx", main.work_of("nginx"))
print(told.getvalue())
try:
    import this
except ImportError as error:
    print(error)
"""


def test_nginxs_agent_imports_nothing_once_it_is_asked(tmp_path: Path) -> None:
    for path, text in remote.sources().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "sluice/environment").symlink_to(Path(str(inside.__file__)).parent.parent)
    program = SEALED.format(paths=[str(tmp_path)], home=str(tmp_path))
    done = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, check=False)
    first, second, *rest = done.stdout.splitlines()
    assert '"token": "t1"' in first, done.stderr
    assert '"text"' in first
    assert '"error": "KeyError' in second
    assert "imports nothing while a release runs: this" in "\n".join(rest)
