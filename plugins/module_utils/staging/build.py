"""How a platform image is made: on a base from a registry, else from the distribution's packages."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SluiceError
from ..packages import docker, requests
from .recipe import after, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..platforms.model import Platform

__all__ = ["BASE_LABEL", "apt_sources", "at", "build", "dockerfile"]

BASE_LABEL = "sluice.base"
"""The label of a platform image that tells what it stands on, as ``debian@sha256:…``."""

_PROBE_SECONDS = 10
_SAY_EVERY_SECONDS = 4
_LAST_LINES = 15
# Nobody reads these in a container, and they are a good part of the time.
_UNREAD = ("doc", "info", "locale", "man")


class _Progress:
    """Says every few seconds what is being done, and keeps the last lines for an error."""

    def __init__(self, what: str, say: Callable[[str], None]) -> None:
        self.lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._what = what
        self._say = say
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def note(self, text: str) -> None:
        self.lines.extend(line.strip() for line in text.splitlines() if line.strip())

    def _run(self) -> None:
        started = time.monotonic()
        while not self._done.wait(_SAY_EVERY_SECONDS):
            latest = f": {self.lines[-1][:120]}" if self.lines else ""
            self._say(f"{self._what} ({time.monotonic() - started:.0f} s){latest}")

    def __enter__(self) -> _Progress:
        self._say(self._what)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def at(platform: Platform, digest: str) -> str:
    """Return the base image of a platform by its digest."""
    return f"{platform.release.image.partition(':')[0]}@{digest}"


def dockerfile(image: str, platform: Platform, packages: Sequence[str]) -> str:
    """Write the recipe of a platform image on ``image``."""
    return "\n".join([f"FROM {image}", f"RUN {_lines(steps(platform, packages))}", ""])


def _lines(commands: Sequence[str]) -> str:
    return " \\\n && ".join(commands)


def build(
    client: docker.DockerClient,
    platform: Platform,
    packages: Sequence[str],
    tag: str,
    say: Callable[[str], None],
    memory: int = 0,
    digest: str = "",
) -> None:
    """Make the image ``tag``, in half a minute or more, with at most ``memory`` bytes (0: no bound) on a base.

    With ``digest`` it stands on the base of that digest, or is not made. Raises ``SluiceError`` with the last lines of
    what failed.
    """
    image = at(platform, digest) if digest else platform.release.image
    if _is_local(client, image):
        _from_base(client, platform, image, packages, tag, say, memory)
        return
    say(f"{tag}: asking a registry for the base image {image}")
    reason = _registry_problem(client, image)
    if reason and digest:
        raise SluiceError(
            f"no registry gives {image} ({reason}), and staging_base_digest allows no other base; an image that is "
            "made from the distribution's packages has no digest. Let Docker reach a registry, or remove "
            "staging_base_digest"
        )
    if reason:
        say(
            f"no registry gives {image} ({reason}); making the image from the distribution's packages, without a digest"
        )
        _from_packages(client, platform, packages, tag, say, reason)
        return
    _pull(client, image, say)
    try:
        _from_base(client, platform, image, packages, tag, say, memory)
    finally:
        # Without its name it goes when the last platform image on it goes.
        client.images.remove(image)


def _is_local(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    return True


def _by_digest(client: docker.DockerClient, platform: Platform, image: str) -> str:
    """Name a base that is here by its digest; empty where it has none, as it came from no registry.

    Raises ``SluiceError`` where ``image`` names a digest, and what is here has another.
    """
    own = at(platform, "")
    # Some engines tell the registry, too.
    said = [name.removeprefix("docker.io/library/") for name in client.images.get(image).attrs.get("RepoDigests") or ()]
    found = [name for name in said if name.startswith(own)]
    if image.startswith(own) and image not in found:
        raise SluiceError(
            f"Docker gives {', '.join(found) or 'an image without a digest'}; expected {image}, as staging_base_digest "
            "says; remove the image, or correct the digest"
        )
    return image if image in found else next(iter(found), "")


def _registry_problem(client: docker.DockerClient, image: str) -> str:
    """Return why no registry gives the base image, or nothing when one does."""
    wait_at_most, client.api.timeout = client.api.timeout, _PROBE_SECONDS
    try:
        client.images.get_registry_data(image)
    except docker.errors.APIError as error:
        return str(error.explanation)
    except requests.RequestException:
        return f"no answer in {_PROBE_SECONDS} s"
    finally:
        client.api.timeout = wait_at_most
    return ""


def _events(stream: Iterable[dict[str, Any]], progress: _Progress, doing: str) -> None:
    for event in stream:
        if "error" in event:
            progress.note(str(event["error"]))
            raise SluiceError(_failure(doing, progress.lines))
        progress.note(str(event.get("stream") or event.get("status") or ""))


def _failure(doing: str, lines: Iterable[str]) -> str:
    return "\n  ".join([f"{doing} failed; the last lines were:", *lines])


def _pull(client: docker.DockerClient, image: str, say: Callable[[str], None]) -> None:
    repository, _, version = image.partition("@" if "@" in image else ":")
    doing = f"pulling {image}"
    try:
        with _Progress(doing, say) as progress:
            _events(client.api.pull(repository, tag=version, stream=True, decode=True), progress, doing)
    except (docker.errors.APIError, requests.RequestException) as error:
        raise SluiceError(f"{doing} failed: {error}") from error


def _from_base(
    client: docker.DockerClient,
    platform: Platform,
    image: str,
    packages: Sequence[str],
    tag: str,
    say: Callable[[str], None],
    memory: int,
) -> None:
    exact = _by_digest(client, platform, image)
    # By its digest, nobody gives another image of that name meanwhile.
    doing = f"building {tag} on {exact or f'{image}, which has no digest'}"
    recipe = io.BytesIO(dockerfile(exact or image, platform, packages).encode())
    try:
        with _Progress(doing, say) as progress:
            stream = client.api.build(
                fileobj=recipe,
                tag=tag,
                labels={"sluice": "1", BASE_LABEL: exact},
                rm=True,
                forcerm=True,
                decode=True,
                container_limits={"memory": memory, "memswap": memory} if memory else None,
            )
            _events(stream, progress, doing)
    except (docker.errors.APIError, requests.RequestException) as error:
        raise SluiceError(f"{doing} failed: {error}") from error


def apt_sources(targets: str, platform: Platform) -> list[str]:
    """Turn what ``apt-get indextargets`` prints into sources lines of a platform.

    ``targets`` has a line ``URI|SUITE|COMPONENT`` for each index of this machine. Other people's archives are left out;
    the suites of another release of the same distribution are rewritten.
    """
    lines: list[str] = []
    family, release = platform.family, platform.release
    codenames = {each.codename for each in family.releases}
    for target in targets.splitlines():
        uri, suite, component = target.strip().split("|")
        codename, dash, pocket = suite.partition("-")
        if codename in codenames and component in family.components and pocket in ("", "updates", "security"):
            line = f"deb [signed-by={family.keyring}] {uri} {release.codename}{dash}{pocket} {component}"
            if line not in lines:
                lines.append(line)
    return lines


def _targets() -> str:
    command = [
        "apt-get",
        "indextargets",
        "--no-release-info",
        "--format",
        "$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
        "Created-By: Packages",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _apt_proxies() -> list[str]:
    options = []
    for scheme in ("http", "https"):
        name = f"Acquire::{scheme}::Proxy"
        answer = subprocess.run(
            ["apt-config", "shell", "proxy", name], capture_output=True, text=True, check=False
        ).stdout
        value = answer.strip().partition("=")[2].strip("'")
        if value:
            options.append(f'--aptopt={name} "{value}"')
    return options


def _mmdebstrap(platform: Platform, packages: Sequence[str], archive: str, reason: str) -> list[str]:
    """Build the command that writes the root file system as tar."""
    release = platform.release
    fix = "let Docker reach a registry"
    if not platform.family.keyring or platform.origin is not None:
        what = f"packages of {platform.origin.title}" if platform.origin else platform.family.title
        raise SluiceError(
            f"{release.image} cannot be pulled ({reason}), and without it no image with {what} can be made; {fix}"
        )
    if not shutil.which("mmdebstrap") or not shutil.which("apt-get"):
        raise SluiceError(
            f"{release.image} cannot be pulled ({reason}), and mmdebstrap, which makes it of packages, is not "
            f"installed; run `make setup`, or `apt-get install mmdebstrap`, or {fix}"
        )
    sources = apt_sources(_targets(), platform)
    if not sources or not Path(platform.family.keyring).exists():
        raise SluiceError(
            f"{release.image} cannot be pulled ({reason}), and this machine has no apt sources of "
            f"{platform.family.title} to make it of; set staging_platform to this machine's own distribution, or {fix}"
        )
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _UNREAD]
    command += [f'--customize-hook=chroot "$1" sh -c {shlex.quote(" && ".join(after(platform)))}']
    command += [*_apt_proxies(), release.codename, archive, *sources]
    if os.geteuid() != 0 and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return ["sudo", "-n", *command]
    return command


def _from_packages(
    client: docker.DockerClient,
    platform: Platform,
    packages: Sequence[str],
    tag: str,
    say: Callable[[str], None],
    reason: str,
) -> None:
    repository, _, version = tag.partition(":")
    with tempfile.TemporaryDirectory() as folder, _Progress(f"building {tag} from packages", say) as progress:
        archive = f"{folder}/root.tar"
        command = _mmdebstrap(platform, packages, archive, reason)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as maker:
            for line in maker.stderr or ():
                progress.note(line)
        if maker.returncode != 0:
            raise SluiceError(_failure(f"mmdebstrap of {platform.release.codename}", progress.lines))
        progress.note("giving the image to Docker")
        try:
            client.api.import_image_from_file(archive, repository=repository, tag=version, changes=["LABEL sluice=1"])
        except (docker.errors.APIError, requests.RequestException) as error:
            raise SluiceError(f"Docker does not take the image {tag}: {error}") from error
