"""The platform: its name, its tag, what its image says, and how it is found or made."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError, SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import platform_named
from ansible_collections.sluice.nginx.plugins.module_utils.staging.platform import (
    controller_platform,
    ensure_platform,
    parse_facts,
    platform_tag,
)
from ansible_collections.sluice.nginx.plugins.module_utils.staging.recipe import complete

DIGEST = f"sha256:{'a' * 64}"
ANSWER = """\
os=debian 12
module=ngx_stream_module.so
module=ngx_http_geoip2_module.so
nginx version: nginx/1.22.1 (Ubuntu)
built with OpenSSL 3.0.15
configure arguments: --with-debug --with-compat
"""


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian-12"),
        ('VERSION_ID="13"\nID=debian\n', "debian-13"),
        ('ID=ubuntu\nVERSION_ID="24.04"\n', "ubuntu-24.04"),
        ('ID=ubuntu\nVERSION_ID="22.04"\n', "ubuntu-22.04"),
        ('ID="rocky"\nVERSION_ID="9.4"\n', "rocky-9"),
        ("ID=alpine\nVERSION_ID=3.20.3\n", "alpine-3.20"),
        ("ID=fedora\nVERSION_ID=35\n", "debian-12"),
        ("ID=arch\n", "debian-12"),
        ("", "debian-12"),
    ],
)
def test_the_controllers_own_platform(tmp_path: Path, text: str, platform: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert controller_platform(tmp_path / "os-release") == platform


def test_a_controller_without_os_release_stages_debian(tmp_path: Path) -> None:
    assert controller_platform(tmp_path / "missing") == "debian-12"


def test_the_tag_depends_on_what_is_installed_and_on_nothing_else() -> None:
    debian, next_one = platform_named("debian-12"), platform_named("debian-13")
    tag = platform_tag(debian, ["nginx", "php-fpm", "openssh-server"])
    assert tag.startswith("sluice-platform:debian-12-")
    assert tag == platform_tag(debian, ["openssh-server", "php-fpm", "nginx"])
    assert tag != platform_tag(debian, ["nginx", "openssh-server"])
    assert tag != platform_tag(next_one, ["nginx", "php-fpm", "openssh-server"])
    assert platform_tag(platform_named("debian-12", "nginx.org"), []).startswith("sluice-platform:debian-12-nginx.org-")


def test_what_the_image_says() -> None:
    facts = parse_facts(ANSWER)
    assert facts["os"] == "debian 12"
    assert facts["nginx_version"] == "1.22.1"
    assert facts["modules"] == ["ngx_http_geoip2_module.so", "ngx_stream_module.so"]
    assert facts["configure"] != parse_facts(ANSWER.replace("--with-debug ", ""))["configure"]


def test_an_image_without_nginx_is_refused_with_its_own_words() -> None:
    with pytest.raises(SluiceError, match=r"(?s)no nginx that works; it said: .*nginx: not found"):
        parse_facts("os=debian 12\nsh: 1: nginx: not found\n")


@pytest.mark.parametrize(
    ("platform", "packages", "words"),
    [
        (
            "debain-12",
            [],
            "staging_platform: 'debain-12' is not a platform; did you mean 'debian-12'?",
        ),
        ("debian-12", ["php-fpm", "a b"], "staging_packages[1]: 'a b' is not the name of a package"),
        ("debian-12", ["nginx;reboot"], "staging_packages[0]: 'nginx;reboot' is not the name of a package"),
        ("debian-12", ["--help"], "staging_packages[0]: '--help' is not the name of a package"),
    ],
)
def test_bad_settings_get_a_sentence(tmp_path: Path, platform: str, packages: list[str], words: str) -> None:
    with pytest.raises(InputError) as raised:
        ensure_platform(FakeDocker(), platform, packages, tmp_path, print)
    assert str(raised.value) == words


def test_an_image_that_is_there_is_read_once(tmp_path: Path) -> None:
    client = FakeDocker()
    said: list[str] = []
    first = ensure_platform(client, "debian-12", [], tmp_path, said.append)
    second = ensure_platform(client, "debian-12", [], tmp_path, said.append)
    assert first == second
    assert client.started == 1
    assert (client.bounds["cap_drop"], client.bounds["pids_limit"]) == (["ALL"], 1024)
    assert client.left == []
    assert said == []
    assert first.image_id == "sha256:abc"
    assert first.modules == ("ngx_http_geoip2_module.so", "ngx_stream_module.so")


def test_the_tree_is_the_packaged_one_without_the_default_site(tmp_path: Path) -> None:
    tree = ensure_platform(FakeDocker(), "debian-12", [], tmp_path, print).tree
    assert (tree / "nginx.conf").read_text() == "events {}"
    assert (tree / "nginx.conf").stat().st_mode & 0o777 == 0o640
    assert (tree / "modules-enabled/50-mod.conf").readlink() == Path("/usr/share/nginx/mod.conf")
    assert (tree / "sites-enabled").is_dir()
    assert not (tree / "sites-enabled/default").is_symlink()


def test_a_reading_that_broke_off_leaves_nothing_behind(tmp_path: Path) -> None:
    client = FakeDocker(answer="sh: 1: nginx: not found")
    with pytest.raises(SluiceError, match="no nginx that works"):
        ensure_platform(client, "debian-12", [], tmp_path, print)
    assert client.left == []
    assert [path for path in (tmp_path / "platforms").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("digest", ["debian:12", f"sha256:{'A' * 64}", "sha256:12", f"sha256:{'a' * 65}"])
def test_what_is_no_digest_gets_a_sentence(tmp_path: Path, digest: str) -> None:
    with pytest.raises(InputError, match=r"^staging_base_digest: .* is not a digest; expected sha256: and 64 hex"):
        ensure_platform(FakeDocker(), "debian-12", [], tmp_path, print, base_digest=digest)


def test_the_base_is_told_and_held_to_its_digest(tmp_path: Path) -> None:
    client = FakeDocker(base=f"debian@{DIGEST}")
    assert ensure_platform(FakeDocker(), "debian-12", [], tmp_path, print).base == ""
    assert ensure_platform(client, "debian-12", [], tmp_path, print).base == f"debian@{DIGEST}"
    pinned = ensure_platform(client, "debian-12", [], tmp_path, print, base_digest=DIGEST)
    assert pinned.base == f"debian@{DIGEST}"
    debian = platform_named("debian-12")
    wanted = complete(debian, [])
    assert pinned.image == platform_tag(debian, wanted, DIGEST) != platform_tag(debian, wanted)
    with pytest.raises(
        SluiceError, match=rf"stands on debian@{DIGEST}; expected debian@sha256:0+, as staging_base_dig"
    ):
        ensure_platform(client, "debian-12", [], tmp_path, print, base_digest=f"sha256:{'0' * 64}")
    with pytest.raises(SluiceError, match="stands on a base without a digest; expected"):
        ensure_platform(FakeDocker(), "debian-12", [], tmp_path, print, base_digest=DIGEST)


class FakeDocker(docker.DockerClient):
    """A Docker that has the image already; counts the containers that are started and not removed."""

    def __init__(self, answer: str = ANSWER, base: str = "") -> None:
        self.answer = answer
        self.base = base
        self.bounds: dict[str, object] = {}
        self.started = 0
        self.left: list[FakeContainer] = []

    def info(self) -> dict[str, object]:
        return {"NCPU": 2}

    @property
    def images(self) -> FakeImages:  # type: ignore[override]
        return FakeImages(self.base)

    @property
    def containers(self) -> FakeContainers:  # type: ignore[override]
        return FakeContainers(self)


class FakeImages:
    id = "sha256:abc"

    def __init__(self, base: str = "") -> None:
        self.labels = {"sluice.base": base} if base else {}

    def get(self, _tag: str) -> FakeImages:
        return self


class FakeContainers:
    def __init__(self, owner: FakeDocker) -> None:
        self.owner = owner

    def create(self, *_: object, **arguments: object) -> FakeContainer:
        self.owner.bounds = arguments
        container = FakeContainer(self.owner)
        self.owner.left.append(container)
        return container


class FakeContainer:
    def __init__(self, owner: FakeDocker) -> None:
        self.owner = owner

    def start(self) -> None:
        self.owner.started += 1

    def wait(self) -> None:
        pass

    def logs(self) -> bytes:
        return self.owner.answer.encode()

    def get_archive(self, _path: str) -> tuple[list[bytes], dict[str, object]]:
        return [_etc_nginx()], {}

    def remove(self, *, force: bool) -> None:
        assert force
        self.owner.left.remove(self)


def _etc_nginx() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("nginx", "nginx/sites-enabled", "nginx/modules-enabled"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        entry = tarfile.TarInfo("nginx/nginx.conf")
        entry.size, entry.mode = 9, 0o640
        archive.addfile(entry, io.BytesIO(b"events {}"))
        for name, target in {
            "nginx/sites-enabled/default": "/etc/nginx/sites-available/default",
            "nginx/modules-enabled/50-mod.conf": "/usr/share/nginx/mod.conf",
        }.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return packed.getvalue()
