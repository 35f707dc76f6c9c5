"""Fresh environments and repositories of users: what pip would fetch is taken from the environment of the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.commands import Ended, run

__all__ = ["commands", "environment_of", "fresh_environment", "shell"]

# What a fresh environment has itself, and what is to be installed into it.
_NOT_LENT = re.compile(
    r"(pip|setuptools|sluice_nginx|ansible_collections|_distutils_hack|distutils-precedence|__pycache__)\b"
)


def fresh_environment(folder: Path, *options: str) -> Path:
    """Make a virtual environment, with options of ``venv``, that has every dependency of the collection, and not the
    collection.
    """
    subprocess.run([sys.executable, "-m", "venv", *options, str(folder)], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not _NOT_LENT.match(entry.name):
            (site / entry.name).symlink_to(entry)
    for program in Path(sys.executable).parent.glob("ansible*"):
        _, _, rest = program.read_text(encoding="utf-8").partition("\n")
        (folder / "bin" / program.name).write_text(f"#!{folder}/bin/python\n{rest}", encoding="utf-8")
        (folder / "bin" / program.name).chmod(0o755)
    return folder


def environment_of(home: Path, wheels: Path) -> dict[str, str]:
    """Return the environment of a person who has nothing of this project; pip knows ``wheels`` and no index."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    path = os.pathsep.join([str(Path(sys.base_prefix, "bin")), "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "ANSIBLE_NOCOLOR": "1", "COLUMNS": "160", **pip, **kept}


def commands(document: Path, number: int) -> list[str]:
    """Return the commands of a console block of a document."""
    block = document.read_text(encoding="utf-8").split("```console\n")[number + 1].partition("```")[0]
    return [line.removeprefix("$ ") for line in block.splitlines()]


def shell(command: str, folder: Path, environment: dict[str, str]) -> Ended:
    """Run a command as a person would type it."""
    return run(["bash", "-ec", command], folder, environment)
