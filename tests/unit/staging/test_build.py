"""How a platform image is made: from a registry where one answers, else from the distribution's packages."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
import requests

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.platforms.catalog import families, platform_named
from ansible_collections.sluice.nginx.plugins.module_utils.staging.build import (
    BASE_LABEL,
    apt_sources,
    build,
    dockerfile,
)
from ansible_collections.sluice.nginx.plugins.module_utils.staging.recipe import after

DEBIAN = platform_named("debian-12")
TAG = "sluice-platform:debian-12-0123"
DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
KEYS = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
MIRROR = "http://mirror.example/debian/"


@pytest.mark.parametrize(
    ("base", "targets", "expected"),
    [
        (
            "debian-12",
            [f"{MIRROR}|bookworm|main", f"{MIRROR}|bookworm-updates|main", f"{MIRROR}|bookworm-security|main"],
            [f"{MIRROR} bookworm main", f"{MIRROR} bookworm-updates main", f"{MIRROR} bookworm-security main"],
        ),
        ("debian-13", [f"{MIRROR}|bookworm-updates|main"], [f"{MIRROR} trixie-updates main"]),
        ("debian-12", [f"{MIRROR}|bookworm|main", f"{MIRROR}|bookworm|main"], [f"{MIRROR} bookworm main"]),
        ("debian-12", ["http://packages.example/|bookworm|stable", f"{MIRROR}|nodistro|main"], []),
        ("debian-12", [f"{MIRROR}|bookworm-backports|main"], []),
        ("debian-12", ["http://mirror.example/ubuntu/|noble|main"], []),
        ("debian-12", [], []),
    ],
)
def test_the_machines_own_archives_are_used_and_no_others(base: str, targets: list[str], expected: list[str]) -> None:
    assert apt_sources("\n".join(targets), platform_named(base)) == [f"deb {KEYS} {each}" for each in expected]


def test_ubuntus_archives_are_checked_with_ubuntus_keys() -> None:
    assert apt_sources("http://mirror.example/|noble|universe", platform_named("ubuntu-24.04")) == [
        "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://mirror.example/ noble universe"
    ]


def test_the_recipe_keeps_daemons_from_starting_and_installs_each_package() -> None:
    recipe = dockerfile("debian:12", DEBIAN, ["nginx", "php-fpm"])
    assert recipe.startswith("FROM debian:12\n")
    assert recipe.index("policy-rc.d") < recipe.index("apt-get install")
    assert "--no-install-recommends" in recipe
    assert "      php-fpm \\" in recipe


def test_every_module_is_set_aside_and_none_is_enabled() -> None:
    recipe = dockerfile("debian:12", DEBIAN, ["nginx"])
    steps = after(DEBIAN)
    assert recipe.index("nginx \\") < recipe.index(steps[0]) < recipe.index("rm -rf /usr/sbin/policy-rc.d")
    assert steps.index("cp -a $conf /tmp/conf") < next(at for at, step in enumerate(steps) if "$get $wanted" in step)
    assert steps[-2:] == ["mv /tmp/own $own", "mv /tmp/conf $conf"]


def test_a_base_that_is_there_is_used_without_asking_anyone() -> None:
    client = FakeDocker(local=["debian:12"], digests=[], registry=requests.ConnectTimeout())
    said: list[str] = []
    assert _build(client, said=said) == []
    assert client.done == ["build"]
    assert (client.built_from, client.label) == ("debian:12", "")
    assert said == [f"building {TAG} on debian:12, which has no digest"]


def test_a_base_from_a_registry_is_built_on_by_its_digest_and_loses_its_name_afterwards() -> None:
    client = FakeDocker()
    said: list[str] = []
    assert _build(client, said=said) == []
    assert client.done == ["ask debian:12", "pull debian:12", "build", "remove debian:12"]
    assert (client.built_from, client.label) == (f"debian@{DIGEST}", f"debian@{DIGEST}")
    assert f"building {TAG} on debian@{DIGEST}" in said


@pytest.mark.parametrize("told", [f"docker.io/library/debian@{DIGEST}", f"debian@{DIGEST}"])
def test_a_base_that_is_there_is_built_on_by_its_own_digest_alone(told: str) -> None:
    client = FakeDocker(local=["debian:12"], digests=[f"else.example/debian@{OTHER}", told])
    assert _build(client) == []
    assert client.built_from == f"debian@{DIGEST}"


def test_a_pinned_base_is_pulled_by_its_digest_and_by_nothing_else() -> None:
    client = FakeDocker(local=["debian:12"])
    assert _build(client, digest=DIGEST) == []
    name = f"debian@{DIGEST}"
    assert client.done == [f"ask {name}", f"pull {name}", "build", f"remove {name}"]
    assert client.built_from == name


def test_a_pinned_base_that_is_there_is_used_without_asking_anyone() -> None:
    client = FakeDocker(local=[f"debian@{DIGEST}"], registry=requests.ConnectTimeout())
    assert _build(client, digest=DIGEST) == []
    assert client.done == ["build"]


@pytest.mark.parametrize(
    ("digests", "seen"), [([f"debian@{OTHER}"], f"debian@{OTHER}"), ([], "an image without a digest")]
)
def test_a_base_of_another_digest_is_refused(digests: list[str], seen: str) -> None:
    client = FakeDocker(digests=digests)
    [words] = _build(client, digest=DIGEST)
    assert words.startswith(f"Docker gives {seen}; expected debian@{DIGEST}, as staging_base_digest says")
    assert "build" not in client.done


def test_a_pinned_base_is_never_made_from_packages(tools: Tools) -> None:
    tools.add("mmdebstrap", 'touch "$LOG"')
    client = FakeDocker(local=["debian:12"], registry=requests.ReadTimeout())
    [words] = _build(client, digest=DIGEST)
    assert words.startswith(f"no registry gives debian@{DIGEST} (no answer in 10 s), and staging_base_digest allows no")
    assert client.done == [f"ask debian@{DIGEST}"]
    assert not tools.log.exists()


def test_a_build_that_fails_shows_its_last_lines() -> None:
    client = FakeDocker(
        local=["debian:12"], events=[{"stream": "Reading package lists..."}, {"error": "Unable to locate phpp"}]
    )
    [words] = _build(client)
    assert words.startswith(f"building {TAG} on debian@{DIGEST} failed; the last lines were:")
    assert words.endswith("Reading package lists...\n  Unable to locate phpp")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (docker.errors.APIError("500", explanation="no such host"), "no such host"),
        (requests.ReadTimeout(), "no answer in 10 s"),
    ],
)
def test_without_a_registry_and_without_mmdebstrap_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, reason: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    client = FakeDocker(registry=error)
    [words] = _build(client)
    assert f"debian:12 cannot be pulled ({reason})" in words
    assert "mmdebstrap, which makes it of packages, is not installed; run `make setup`" in words
    assert client.done == ["ask debian:12"]
    assert client.api.timeout == 60


def test_another_distributions_packages_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tools: Tools) -> None:
    tools.add("apt-get", f"echo '{MIRROR}|bookworm|main'")
    tools.add("mmdebstrap", "exit 0")
    [words] = _build(FakeDocker(registry=requests.ReadTimeout()), "ubuntu-24.04")
    assert "this machine has no apt sources of Ubuntu to make it of" in words


def test_from_packages(tools: Tools) -> None:
    tools.add("apt-get", f"echo '{MIRROR}|bookworm|main'")
    tools.add("apt-config", "echo \"proxy='http://proxy.example:3128'\"")
    tools.add("mmdebstrap", 'echo "$@" > "$LOG"; for each; do case $each in *.tar) echo root > "$each";; esac; done')
    client = FakeDocker(registry=requests.ReadTimeout())
    assert _build(client) == []
    assert client.done == ["ask debian:12", f"import root as {TAG}"]
    asked = tools.log.read_text()
    assert "--include=nginx,php-fpm" in asked
    assert '--customize-hook=chroot "$1" sh -c ' in asked
    assert '--aptopt=Acquire::http::Proxy "http://proxy.example:3128"' in asked
    assert f"deb {KEYS} {MIRROR} bookworm main" in asked


def test_a_mmdebstrap_that_fails_shows_its_last_lines_and_gives_docker_nothing(tools: Tools) -> None:
    tools.add("apt-get", f"echo '{MIRROR}|bookworm|main'")
    tools.add("apt-config", "exit 0")
    tools.add("mmdebstrap", "echo 'E: mirror does not answer' >&2; exit 1")
    client = FakeDocker(registry=requests.ReadTimeout())
    [words] = _build(client)
    assert words == "mmdebstrap of bookworm failed; the last lines were:\n  E: mirror does not answer"
    assert client.done == ["ask debian:12"]


def _build(
    client: FakeDocker, platform: str = "debian-12", digest: str = "", said: list[str] | None = None
) -> list[str]:
    """Build; gives the error's words, if there is one."""
    say = (said if said is not None else []).append
    try:
        build(client, platform_named(platform), ["nginx", "php-fpm"], TAG, say, digest=digest)  # type: ignore[arg-type]
    except SluiceError as error:
        return [str(error)]
    return []


class Tools:
    """A folder of small programs that stand in for the distribution's, first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def add(self, name: str, script: str) -> None:
        program = self.folder / name
        program.write_text(f"#!/bin/sh\nLOG={self.log}\n{script}\n")
        program.chmod(0o755)


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tools:
    if not Path(DEBIAN.family.keyring).exists():
        # Where Debian's keys are not installed, nothing can be made of its packages; any file stands in for them.
        known = families()
        monkeypatch.setitem(known, "debian", dataclasses.replace(known["debian"], keyring=os.devnull))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Tools(tmp_path)


class FakeDocker:
    """Remembers in ``done`` what it was asked to do. ``local`` are names of images; each has the same ``digests``."""

    def __init__(
        self,
        *,
        local: Iterable[str] = (),
        digests: Iterable[str] = (f"debian@{DIGEST}",),
        registry: Exception | None = None,
        events: list[dict[str, str]] | None = None,
    ) -> None:
        self.local = {*local}
        self.digests = [*digests]
        self.registry = registry
        self.events = events or [{"stream": "Successfully built"}]
        self.done: list[str] = []
        self.built_from = self.label = ""
        self.images = self
        self.api = SimpleNamespace(
            timeout=60, pull=self.pull, build=self.build, import_image_from_file=self.import_image_from_file
        )

    def get(self, name: str) -> SimpleNamespace:
        if name not in self.local:
            raise docker.errors.ImageNotFound(name)
        return SimpleNamespace(attrs={"RepoDigests": self.digests})

    def get_registry_data(self, name: str) -> None:
        self.done.append(f"ask {name}")
        assert self.api.timeout == 10
        if self.registry:
            raise self.registry

    def remove(self, name: str) -> None:
        self.done.append(f"remove {name}")

    def pull(self, repository: str, tag: str, **_: object) -> Iterator[dict[str, str]]:
        name = f"{repository}@{tag}" if tag.startswith("sha256:") else f"{repository}:{tag}"
        self.local.add(name)
        self.done.append(f"pull {name}")
        return iter([{"status": "Pulling from library/debian"}])

    def build(self, **options: Any) -> Iterator[dict[str, str]]:
        assert options["labels"]["sluice"] == "1"
        self.label = options["labels"][BASE_LABEL]
        self.built_from = options["fileobj"].readline().decode().split()[1]
        self.done.append("build")
        return iter(self.events)

    def import_image_from_file(self, path: str, repository: str, tag: str, changes: list[str]) -> None:
        assert changes == ["LABEL sluice=1"]
        self.done.append(f"import {Path(path).read_text().strip()} as {repository}:{tag}")
