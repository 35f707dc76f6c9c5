"""Every file of the plugins loads without the packages that the collection names, as a user meets it who needs none.

``ansible-test sanity`` asks the same of each file in turn, for a minute and more; ``make lint`` has it do so.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PLUGINS = PROJECT / "plugins"
# What modules may have, and what every plugin on the controller has: Ansible, and what that itself is made with.
OF_MODULES = ("ansible",)
OF_CONTROLLER = (*OF_MODULES, "jinja2", "markupsafe", "packaging", "resolvelib", "yaml", "_yaml")
LOADS = """
import importlib, sys, traceback
folder, packages, allowed, *names = sys.argv[1:]
sys.path[:] = [folder, *sys.path, packages]
known = {"ansible_collections", *allowed.split(","), *sys.stdlib_module_names}
class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in known:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)
sys.meta_path.insert(0, Without)
for name in names:
    try:
        importlib.import_module(name)
    except BaseException:
        print(name, traceback.format_exc().splitlines()[-1])
"""


def _names(*, of_modules: bool) -> list[str]:
    parts = [path.relative_to(PLUGINS).parts for path in PLUGINS.rglob("*.py")]
    wanted = [Path(*each) for each in parts if (each[0] in ("modules", "module_utils")) is of_modules]
    dotted = (".".join(path.with_suffix("").parts) for path in wanted)
    return sorted(f"ansible_collections.sluice.nginx.plugins.{name.removesuffix('.__init__')}" for name in dotted)


@pytest.mark.parametrize(("of_modules", "allowed"), [(True, OF_MODULES), (False, OF_CONTROLLER)])
def test_every_file_loads_without_other_packages(tmp_path: Path, of_modules: bool, allowed: tuple[str, ...]) -> None:
    link = tmp_path / "ansible_collections/sluice/nginx"
    link.parent.mkdir(parents=True)
    link.symlink_to(PROJECT)
    names = _names(of_modules=of_modules)
    assert len(names) > 20
    packages = sysconfig.get_path("purelib")
    command = [sys.executable, "-I", "-S", "-c", LOADS, str(tmp_path), packages, ",".join(allowed), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
