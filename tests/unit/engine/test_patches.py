"""Of which package nginx's binary is, and what its changelog says to be fixed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.engine import patches
from ansible_collections.sluice.nginx.plugins.module_utils.engine.patches import package_of

STATUS = """Package: nginx-common
Version: 9.9

Package: nginx
Status: install ok installed
Version: 1.22.1-9+deb12u4

Package: zlib1g
Version: 1.2.13
"""
CHANGES = "nginx (1.22.1-9+deb12u4)\n  * CVE-2026-1642: x (CVE-2026-1642)\n\nnginx (1.22.1-9)\n  * CVE-2022-41741\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host of Debian."""
    files = {
        "var/lib/dpkg/status": STATUS.encode(),
        "var/lib/dpkg/info/nginx.list": b"/.\n/usr/sbin/nginx\n",
        "var/lib/dpkg/info/nginx-common.list": b"/etc/nginx\n",
        "usr/share/doc/nginx/changelog.Debian.gz": gzip.compress(CHANGES.encode()),
    }
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    return tmp_path


def test_debians_package_and_its_changelog(root: Path) -> None:
    found = package_of("/usr/sbin/nginx", root)
    assert found == {"name": "nginx", "version": "1.22.1-9+deb12u4", "fixed": ["CVE-2026-1642", "CVE-2022-41741"]}


def test_a_path_from_before_usr_was_merged_is_the_same(root: Path) -> None:
    (root / "var/lib/dpkg/info/nginx.list").write_text("/sbin/nginx\n")
    assert package_of("/usr/sbin/nginx", root)["name"] == "nginx"


def test_what_somebody_built_is_of_no_package(root: Path) -> None:
    assert package_of("/opt/nginx/sbin/nginx", root) == {"name": "", "version": "", "fixed": []}


@pytest.mark.parametrize("data", [None, b"damaged", gzip.compress(b"a" * 100)[:-12]], ids=["missing", "damaged", "cut"])
def test_a_changelog_that_is_missing_or_damaged_names_nothing(root: Path, data: bytes | None) -> None:
    place = root / "usr/share/doc/nginx/changelog.Debian.gz"
    place.unlink()
    if data is not None:
        place.write_bytes(data)
    found = package_of("/usr/sbin/nginx", root)
    assert (found["version"], found["fixed"]) == ("1.22.1-9+deb12u4", [])


@pytest.mark.parametrize(
    ("manager", "answers", "expected"),
    [
        (
            "usr/bin/rpm",
            {"-qf": (0, "nginx-core 1.20.1-14.el9\n"), "-q": (0, "- Fix CVE-2021-23017\n")},
            {"name": "nginx-core", "version": "1.20.1-14.el9", "fixed": ["CVE-2021-23017"]},
        ),
        ("usr/bin/rpm", {"-qf": (1, "file is not owned")}, {"name": "", "version": "", "fixed": []}),
        (
            "sbin/apk",
            {"info": (0, "/usr/sbin/nginx is owned by nginx-mod-1-1.26.3_git2-r0\n")},
            {"name": "nginx-mod-1", "version": "1.26.3_git2-r0", "fixed": []},
        ),
        ("sbin/apk", {"info": (1, "")}, {"name": "", "version": "", "fixed": []}),
    ],
)
def test_other_package_managers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    manager: str,
    answers: dict[str, tuple[int, str]],
    expected: dict[str, object],
) -> None:
    (tmp_path / manager).parent.mkdir(parents=True)
    (tmp_path / manager).touch()
    monkeypatch.setattr(patches, "ask", lambda *command: answers[command[1]])
    assert package_of("/usr/sbin/nginx", tmp_path) == expected
