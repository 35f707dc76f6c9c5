"""Package drift by apk, from the lists of installed packages that real ones wrote: 2.14.9 and 3.0.6."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine.packages import find_packages, package_drift
from ansible_collections.sluice.nginx.plugins.module_utils.manifest import compare, read_tree

HEAD = """C:Q1QNRlDeQtn7YYaQ8lojGJw/jx2EE=
P:nginx
V:1.26.2-r0
A:x86_64
S:548930
I:1
T:x
U:x
L:x
F:etc
F:usr
F:etc/nginx
"""
LISTS = {
    "2.14.9": (
        "lib/apk/db/installed",
        "../../usr/lib/nginx/modules",
        HEAD + "R:fastcgi_params\nZ:Q1elLNnfLIvwxPy2KK3r0hRJ485VU=\n"
        "R:modules\na:0:0:777\nZ:Q1LkN1LFWHW5KbBwG7/Rja+wBcQkQ=\n"
        "R:uwsgi_params\na:0:0:640\nZ:Q1qrawvb5Z2FlwAPs9VGRB/eOpkOs=\n"
        "F:etc/nginx/closed.d\nM:0:0:750\nF:usr/sbin\nR:nginx\na:0:0:755\nZ:Q1GqPgGiguTmjeRF/a2QZ2fES478g=\n\n",
    ),
    "3.0.6": (
        "usr/lib/apk/db/installed",
        "/usr/lib/nginx/modules",
        HEAD + "R:fastcgi_params\nZ:Q1UPDzZRRXGzNV9S87HZCkg9iyMJ8=\n"
        "R:modules\na:0:0:777\nZ:Q17x59h9JwFzcX9CSZ6iHY4rtB6FI=\n"
        "R:uwsgi_params\na:0:0:640\nZ:Q1AlIIWeoqKiexRnoyW2wdtCcoxbc=\n"
        "F:etc/nginx/closed.d\nM:0:0:750\nF:usr/sbin\nR:nginx\na:0:0:755\nZ:Q1vAj/u4yNzEr1GngWqK/tvi1FJng=\n\n",
    ),
}


def written(conf: Path, path: str, text: str, mode: int = 0o644) -> None:
    (conf / path).write_text(text)
    (conf / path).chmod(mode)


def made(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)


CHANGES: dict[str, tuple[Callable[[Path, str], object], str]] = {
    "another version": (
        lambda conf, _: written(conf, "fastcgi_params", "# fastcgi_params of 1.26.2-r0\n"),
        "fastcgi_params",
    ),
    "an edit": (lambda conf, _: written(conf, "fastcgi_params", "# mine\n"), ""),
    "a mode of the package's": (lambda conf, _: written(conf, "uwsgi_params", "# any\n", 0o640), "uwsgi_params"),
    "a mode": (lambda conf, _: written(conf, "uwsgi_params", "# any\n", 0o600), ""),
    "a folder": (lambda conf, _: made(conf / "closed.d", 0o750), "closed.d"),
    "a folder for all": (lambda conf, _: made(conf / "closed.d", 0o755), ""),
    "somebody's folder": (lambda conf, _: (conf / "mine.d").mkdir(), ""),
    "a link": (lambda conf, target: (conf / "modules").symlink_to(target), "modules"),
    "somebody's link": (lambda conf, _: (conf / "modules").symlink_to("/srv"), ""),
    "a file beside": (lambda conf, _: written(conf, "fastcgi_params.apk-new", "x"), "fastcgi_params.apk-new"),
    "a link beside": (lambda conf, target: (conf / "modules.apk-new").symlink_to(target), "modules.apk-new"),
    "a file of nobody's": (lambda conf, _: written(conf, "mine.conf.apk-new", "x"), ""),
}


@pytest.mark.parametrize("version", LISTS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_as_apks_list_says_is_the_packages(tmp_path: Path, version: str, change: str) -> None:
    place, target, text = LISTS[version]
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(text)
    conf = tmp_path / "etc/nginx"
    for folder in (conf, tmp_path / "sbin"):
        folder.mkdir(parents=True)
    (tmp_path / "sbin/apk").touch()
    written(conf, "fastcgi_params", "# fastcgi_params of 1.26.1-r0\n")
    written(conf, "uwsgi_params", "# any\n")
    before = read_tree(conf)
    do, path = CHANGES[change]
    do(conf, target)
    found = package_drift(compare(before, read_tree(conf)), before, conf, find_packages(tmp_path))
    assert found == ({path: "nginx"} if path else {})


def test_a_host_without_a_list_has_no_packages(tmp_path: Path) -> None:
    (tmp_path / "sbin").mkdir()
    (tmp_path / "sbin/apk").touch()
    found = find_packages(tmp_path)
    assert found
    path = "/etc/nginx/nginx.conf"
    assert (found.name, found.owner(path), found.is_whole(path, tmp_path / path[1:])) == ("apk", "", False)
