"""What a host sends as its nginx: bounded, held to digests, laid into an image where nothing else is."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.replies import Malformed, read_answer
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host import lay
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.image import (
    bases,
    ensure_with_host_nginx,
    layer_of,
)
from ansible_collections.sluice.nginx.plugins.module_utils.staging.from_host.received import (
    KeptFiles,
    fetch,
    read_host_nginx,
)
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import PlatformImage
from tests.unit.elf_files import elf

LOADER = "/lib64/ld-linux-x86-64.so.2"
SAID = """nginx version: nginx/1.24.9
built with OpenSSL 3.0.15
configure arguments: --prefix=/opt/own --modules-path=/opt/own/modules --user=web --pid-path=/run/own/nginx.pid
"""
CONTENT = {
    "/opt/own/sbin/nginx": ("binary", "nginx", elf(["libc.so.6"], loader=LOADER)),
    LOADER: ("loader", "ld-linux-x86-64.so.2", elf(soname="ld-linux-x86-64.so.2")),
    "/usr/lib/libc.so.6": ("library", "libc.so.6", elf(soname="libc.so.6", content=b"c" * 5000)),
    "/opt/own/modules/ngx_stream_module.so": ("module", "ngx_stream_module.so", elf(content=b"m")),
    "/srv/modules/ngx_a_module.so": ("module", "ngx_a_module.so", elf(content=b"a")),
}


def _row(path: str, kind: str, name: str, data: bytes) -> dict[str, Any]:
    return {
        "kind": kind, "name": name, "path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip


def _answer(**more: Any) -> dict[str, Any]:
    rows = [_row(path, *each) for path, each in CONTENT.items()]
    usual = {"said": SAID, "os_release": "ID=rocky\nVERSION_ID=9.4\n", "machine": "x86_64", "lacks": [], "parts": []}
    return {**usual, "files": rows, **more}


def _part(data: bytes, offset: int = 0, piece: bytes | None = None) -> dict[str, Any]:
    packed = zlib.compress(data[offset:] if piece is None else piece)
    return {
        "sha256": hashlib.sha256(data).hexdigest(), "offset": offset, "data": base64.b64encode(packed).decode(),
    }  # fmt: skip


class Host:
    """Answers as an engine does, ``room`` pieces of 2,000 bytes at a time."""

    def __init__(self, room: int = 2) -> None:
        self.asked: list[Sequence[Sequence[object]]] = []
        self._room = room
        self._data = {hashlib.sha256(data).hexdigest(): data for _, _, data in CONTENT.values()}

    def ask(self, wanted: Sequence[Sequence[object]]) -> Mapping[str, Any]:
        self.asked.append(wanted)
        parts: list[dict[str, Any]] = []
        for digest, start in wanted:
            data, offset = self._data[str(digest)], int(str(start))
            while offset < len(data) and len(parts) < self._room:
                parts.append(_part(data, offset, data[offset : offset + 2000]))
                offset += 2000
        return _answer(parts=parts)


def test_all_files_come_in_pieces_and_once(tmp_path: Path) -> None:
    host = Host()
    said: list[str] = []
    nginx = fetch("web1", host.ask, KeptFiles(tmp_path), said.append)
    assert (nginx.built.version, nginx.machine) == ("1.24.9", "x86_64")
    assert said[0].startswith("fetching nginx 1.24.9 with 2 modules and 1 libraries, 0.0 MiB, from web1: 5 files")
    kept = KeptFiles(tmp_path)
    for each in nginx.files:
        data = CONTENT[each.path][2]
        assert kept.path(each).read_bytes() == data
        assert kept.path(each).stat().st_mode & 0o777 == 0o600
    again = Host()
    assert fetch("web2", again.ask, kept, said.append).digest == nginx.digest
    assert again.asked == [[]]


def test_files_that_nobody_has_used_for_a_month_are_removed(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    nginx = fetch("web1", Host().ask, kept, lambda line: None)
    long_ago = time.time() - 40 * 24 * 3600
    stranger = kept.path(nginx.files[0]).with_name("0" * 64)
    for path in (stranger, *map(kept.path, nginx.files)):
        path.touch()
        os.utime(path, (long_ago, long_ago))
    again = Host()
    fetch("web1", again.ask, kept, lambda line: None)
    assert again.asked == [[]], "what is used now stays"
    assert not stranger.exists()


def _with(where: str, **more: Any) -> list[dict[str, Any]]:
    return [{**row, **more} if row["path"] == where else row for row in _answer()["files"]]


BINARY = "/opt/own/sbin/nginx"
MODULE = "/srv/modules/ngx_a_module.so"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_answer(files=[]), "it names 0 binaries of nginx; expected one"),
        (_answer(files=_with(LOADER, kind="binary")), "it names 2 binaries"),
        (_answer(files=_with(BINARY, size=300 << 20)), "5 files with 300 MiB; at most 400 and 256"),
        (_answer(files=_answer()["files"] * 100), "binaries"),
        (_answer(files=_with(BINARY, path="../nginx")), "no absolute path"),
        (_answer(files=_with(BINARY, path="/opt/../etc/nginx")), "no absolute path"),
        (_answer(files=_with(BINARY, path="/opt/\x1b[31mnginx")), "no absolute path"),
        (
            _answer(files=_with("/srv/modules/ngx_a_module.so", name="ngx_stream_module.so")),
            "the module ngx_st.* twice",
        ),
        (_answer(said="hello"), "names no version"),
        (_answer(said=SAID.replace("/run/own", "/run/\x07own")), "--pid-path of its nginx -V is no path"),
    ],
)
def test_what_is_no_nginx_is_refused(answer: dict[str, Any], words: str) -> None:
    with pytest.raises(SluiceError, match=rf"(?s)staging_from_host: the nginx of web1 cannot be staged: .*{words}"):
        read_host_nginx("web1", answer)


DATA = CONTENT[BINARY][2]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({**_part(DATA), "sha256": "f" * 64}, "not asked for"),
        (_part(DATA, 10), "from byte 10 on; expected 0"),
        (_part(DATA, 0, DATA + b"more"), "more of /opt/own/sbin/nginx than"),
        (_part(DATA, 0, b"\0" * (64 << 20)), "more of /opt/own/sbin/nginx than"),
        (_part(DATA, 0, DATA[::-1]), "has the SHA-256"),
        ({**_part(DATA), "data": "no base64!"}, "damaged"),
        ({**_part(DATA), "data": base64.b64encode(zlib.compress(DATA)[:-9]).decode()}, "it ends early"),
        ({**_part(DATA), "data": base64.b64encode(zlib.compress(DATA) + b"x").decode()}, "something follows"),
    ],
    ids=["unasked", "offset", "longer", "bomb", "digest", "base64", "cut", "tail"],
)
def test_what_is_not_the_file_is_not_kept(tmp_path: Path, part: dict[str, Any], words: str) -> None:
    kept = KeptFiles(tmp_path)
    with pytest.raises(SluiceError, match=words):
        kept.take(read_host_nginx("web1", _answer()), [part])
    assert list((tmp_path / "nginx-files").iterdir()) == []


@pytest.mark.parametrize(
    ("data", "words"), [(b"#!/bin/sh\n", "no ELF file"), (elf(machine=183), "is for aarch64, and nginx for x86_64")]
)
def test_a_library_is_an_elf_file_of_the_same_machine(tmp_path: Path, data: bytes, words: str) -> None:
    digest = hashlib.sha256(data).hexdigest()
    answer = _answer(files=_with("/usr/lib/libc.so.6", sha256=digest, size=len(data)))
    with pytest.raises(SluiceError, match=words):
        KeptFiles(tmp_path).take(read_host_nginx("web1", answer), [_part(data)])


def test_a_host_that_sends_nothing_or_changes_its_mind_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(SluiceError, match="it sent nothing of 5 files that it named"):
        fetch("web1", lambda _: _answer(), KeptFiles(tmp_path), print)
    answers = iter([_answer(), _answer(said=SAID.replace("1.24.9", "1.25.0"))])
    with pytest.raises(SluiceError, match="nginx was changed on web1 while it was fetched; run it again"):
        fetch("web1", lambda _: next(answers), KeptFiles(tmp_path), print)


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "config"},
        {"name": "../../etc/passwd"},
        {"name": "a/b"},
        {"name": ""},
        {"sha256": "../../x"},
        {"size": -1},
    ],
)
def test_a_name_that_could_lead_elsewhere_is_no_answer(row: dict[str, Any]) -> None:
    answer = {"ok": True, "problems": [], **_answer(files=_with(BINARY, **row))}
    with pytest.raises(Malformed):
        read_answer("nginx_files", json.dumps(answer))


def test_the_plan_is_made_of_what_nginx_says(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    plan = layer_of(fetch("web1", Host(9).ask, kept, print), kept, "/usr/sbin/nginx")
    assert plan["loader"] == LOADER
    assert plan["binaries"] == [BINARY, "/usr/sbin/nginx"]
    assert plan["folders"] == ["/opt/own", "/opt/own/logs", "/run/own"]
    assert (plan["modules"], plan["configuration"]) == ("/opt/own/modules", "/opt/own/conf/nginx.conf")
    assert plan["elsewhere"] == {"ngx_a_module.so": "/srv/modules/ngx_a_module.so"}
    assert (plan["user"], plan["group"]) == ("web", "web")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (SAID.replace("--modules-path=/opt/own/modules", "--modules-path=/"), "--modules-path='/'"),
        (SAID.replace("--prefix=/opt/own ", "--prefix=own "), "is no absolute path below a folder"),
    ],
)
def test_a_path_that_cannot_be_one_is_refused(tmp_path: Path, said: str, words: str) -> None:
    kept = KeptFiles(tmp_path)
    fetch("web1", Host(9).ask, kept, print)
    with pytest.raises(SluiceError, match=words):
        layer_of(read_host_nginx("web1", _answer(said=said)), kept, "/usr/sbin/nginx")


def test_the_base_is_what_the_host_is_else_the_controllers_own() -> None:
    rocky = read_host_nginx("web1", _answer())
    found = bases("auto", "nginx.org", rocky)
    assert found[0] == ("rocky-9", "nginx.org")
    assert found[1][1] == "distribution"
    assert bases("debian-12", "distribution", rocky) == [("debian-12", "distribution")]
    unknown = read_host_nginx("web1", _answer(os_release="ID=plan9\n"))
    assert [source for _, source in bases("auto", "distribution", unknown)] == ["distribution"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with a packaged nginx, and what the context of the build brings."""
    root = tmp_path / "image"
    texts = {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
        "etc/group": "root:x:0:\n",
        "etc/nginx/nginx.conf": "events {}",
        "usr/sbin/nginx": "packaged",
        "usr/share/sluice/modules/ngx_old_module.so": "packaged",
        "usr/lib/nginx/modules/ngx_old_module.so": "packaged",
        LOADER.lstrip("/"): "the image's",
        "usr/lib/sluice/ld.so": "the host's",
        "usr/lib/sluice/modules/ngx_stream_module.so": "",
        "usr/lib/sluice/modules/ngx_a_module.so": "",
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "usr/lib/sluice/sbin").mkdir()
    (root / "usr/lib/sluice/sbin/nginx").write_bytes(DATA)
    return root


def _plan(tmp_path: Path) -> dict[str, Any]:
    kept = KeptFiles(tmp_path / "cache")
    return layer_of(fetch("web1", Host(9).ask, kept, print), kept, "/usr/sbin/nginx")


def test_nginx_is_laid_where_the_host_has_it_and_starts_by_its_own_loader(image: Path, tmp_path: Path) -> None:
    lay.lay(_plan(tmp_path), str(image))
    assert (image / "usr/sbin/nginx").readlink() == Path(lay.STARTER)
    assert (image / "opt/own/sbin/nginx").readlink() == Path(lay.STARTER)
    starter = (image / "usr/local/sbin/nginx").read_text()
    assert 'exec /usr/lib/sluice/sbin/nginx "$@"' in starter
    assert "LD_LIBRARY_PATH=/usr/lib/sluice/libraries" in starter
    own = (image / "usr/lib/sluice/sbin/nginx").read_bytes()
    assert b"/usr/lib/sluice/ld.so\0" in own
    assert len(own) == len(DATA)
    assert (image / LOADER.lstrip("/")).read_text() == "the image's"
    assert (image / "opt/own/modules").readlink() == Path("/usr/lib/sluice/modules")
    assert (image / "srv/modules/ngx_a_module.so").readlink() == Path("/usr/lib/sluice/modules/ngx_a_module.so")
    assert sorted(os.listdir(image / "usr/share/sluice/modules")) == [
        "10-ngx_stream_module.conf",
        "50-ngx_a_module.conf",
        "ngx_a_module.so",
        "ngx_stream_module.so",
    ]
    assert (image / "opt/own/conf").readlink() == Path("/etc/nginx")
    assert "web:x:990:990::" in (image / "etc/passwd").read_text()
    assert (image / "run/own").is_dir()


@pytest.mark.parametrize(("there", "is_changed"), [("the host's", False), ("", False)], ids=["the same", "none"])
def test_the_binary_stays_as_it_is_where_the_loader_fits(
    image: Path, tmp_path: Path, there: str, is_changed: bool
) -> None:
    place = image / LOADER.lstrip("/")
    place.write_text(there) if there else place.unlink()
    lay.lay(_plan(tmp_path), str(image))
    assert ((image / "usr/lib/sluice/sbin/nginx").read_bytes() != DATA) is is_changed
    assert there or place.readlink() == Path("/usr/lib/sluice/ld.so")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modules": "/etc"}, "where the host has modules alone"),
        ({"configuration": "/etc/own.conf"}, "where the host has nginx's configuration"),
        ({"elsewhere": {"ngx_a_module.so": "/etc/passwd"}}, "a file of its own at /etc/passwd"),
        ({"loader_at": 0}, "does not name its loader"),
    ],
)
def test_no_place_of_the_image_is_taken_that_is_somebody_elses(
    image: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        lay.lay({**_plan(tmp_path), **change}, str(image))
    assert (image / "etc/passwd").read_text().startswith("root:")


class Docker(docker.DockerClient):
    """An engine that has the image already, whose nginx says ``said``."""

    def __init__(self, said: str, arch: str = "amd64") -> None:
        self.said, self.arch = said, arch
        self.removed: list[str] = []

    def version(self, api_version: bool = True) -> dict[str, Any]:
        return {"Arch": self.arch}

    def info(self) -> dict[str, object]:
        return {"NCPU": 2}

    @property
    def images(self) -> Any:
        return self

    @property
    def containers(self) -> Any:
        return self

    id = "sha256:host"

    def get(self, _tag: str) -> Docker:
        return self

    def create(self, *_: object, **arguments: object) -> Docker:
        assert arguments["network_mode"] == "none"
        return self

    def start(self) -> None:
        pass

    def wait(self) -> None:
        pass

    def logs(self) -> bytes:
        return f"os=debian 12\nmodule=ngx_a_module.so\n{self.said}".encode()

    def remove(self, name: str = "", *, force: bool) -> None:
        assert force
        self.removed.append(name)


BASE = PlatformImage(
    name="debian-12",
    image="sluice-platform:debian-12-abc",
    image_id="sha256:base",
    base="debian@sha256:1",
    os="debian 12",
    nginx_version="1.22.1",
    configure="",
    modules=(),
    tree=Path("/cache/tree"),
    layout={"binary": "/usr/sbin/nginx", "prefix": "/usr/share/nginx", "sites": "sites-enabled/{name}.conf"},
)


def _ensured(tmp_path: Path, client: Docker, make: Any = None, **more: Any) -> tuple[PlatformImage, list[str]]:
    kept = KeptFiles(tmp_path)
    fetch("web1", Host(9).ask, kept, print)
    nginx = read_host_nginx("web1", _answer(**more))
    said: list[str] = []
    over = [("rocky-9", "distribution"), ("debian-12", "distribution")]
    made = ensure_with_host_nginx(client, nginx, kept, over, make or (lambda *_: BASE), said.append, Bounds())
    return made, said


def test_the_image_is_the_hosts_nginx_over_a_platform_that_can_be_made(tmp_path: Path) -> None:
    def make(name: str, _: str) -> PlatformImage:
        if name == "rocky-9":
            raise SluiceError("no registry answers")
        return BASE

    made, said = _ensured(tmp_path, Docker(SAID), make)
    assert said == ["rocky-9, which web1 is, cannot be made: no registry answers; its nginx is laid over debian-12"]
    assert made.image.startswith("sluice-platform:debian-12-host-")
    assert (made.os, made.nginx_version, made.prefix) == ("rocky 9", "1.24.9", "/opt/own")
    # What a release is made of is the platform's, whatever the host has.
    assert (made.tree, made.around, made.base) == (BASE.tree, BASE.image, BASE.base)
    assert made.layout["modules"] == "/opt/own/modules"
    assert made.layout["sites"] == "sites-enabled/{name}.conf"
    assert made.from_host["host"] == "web1"


def test_no_platform_that_can_be_made_is_the_last_ones_fault(tmp_path: Path) -> None:
    def make(name: str, _: str) -> PlatformImage:
        raise SluiceError(f"no image of {name}")

    with pytest.raises(SluiceError, match="no image of debian-12"):
        _ensured(tmp_path, Docker(SAID), make)


def test_an_nginx_that_says_something_else_in_the_image_is_not_staged(tmp_path: Path) -> None:
    client = Docker(SAID.replace("OpenSSL 3.0.15", "OpenSSL 3.0.9"))
    with pytest.raises(SluiceError) as raised:
        _ensured(tmp_path, client, lacks=["x needs liby.so.1, which is not found on this host"])
    text = str(raised.value)
    assert "expected  built with OpenSSL 3.0.15" in text
    assert "actual    built with OpenSSL 3.0.9" in text
    assert "set staging_platform to what that host runs" in text
    assert "x needs liby.so.1" in text
    assert any(name.startswith("sluice-platform:debian-12-host-") for name in client.removed)
    with pytest.raises(SluiceError, match="actual    exec: not found"):
        _ensured(tmp_path, Docker("exec: not found"))


def test_an_nginx_of_another_machine_is_refused(tmp_path: Path) -> None:
    words = "the nginx of web1 is for x86_64, and Docker runs aarch64 here"
    with pytest.raises(SluiceError, match=words):
        _ensured(tmp_path, Docker(SAID, "arm64"))
