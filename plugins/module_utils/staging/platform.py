"""The platform: one image per distribution and list of packages, built like production, and the nginx that it has."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import re
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, SluiceError
from ..packages import docker
from ..storage import make_folder
from .bounds import Bounds
from .build import BASE_LABEL, BASES, SPARE_MODULES, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docker.models.images import Image

__all__ = ["PlatformImage", "controller_platform", "ensure_platform", "parse_facts", "platform_tag"]

_ALWAYS = ("ca-certificates", "iproute2", "nginx", "openssl", "procps", "python3")
_FALLBACK = "debian-12"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_QUESTIONS = """
. /etc/os-release && echo "os=$ID $VERSION_ID"
for module in /usr/lib/nginx/modules/*.so; do [ -e "$module" ] && echo "module=${module##*/}"; done
nginx -V 2>&1
"""


@dataclasses.dataclass(frozen=True)
class PlatformImage:
    """An image and its nginx.

    ``configure`` is the SHA-256 of nginx's configure arguments, ``modules`` are the names of its dynamic modules, and
    ``tree`` is the packaged ``/etc/nginx`` on the controller, without the distribution's default site. ``base`` is what
    the image stands on, as ``debian@sha256:…``; empty where it came from no registry.
    """

    name: str
    image: str
    image_id: str
    base: str
    os: str
    nginx_version: str
    configure: str
    modules: tuple[str, ...]
    tree: Path


def controller_platform(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the platform that this machine itself is, or Debian 12 where it is none that can be staged."""
    with contextlib.suppress(OSError):
        words = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)"?$', os_release.read_text(), re.MULTILINE))
        name = f"{words.get('ID')}-{words.get('VERSION_ID')}"
        if name in BASES:
            return name
    return _FALLBACK


def platform_tag(name: str, packages: Sequence[str], base_digest: str = "") -> str:
    """Return the image of a platform with these packages, on a base of that digest where one is demanded."""
    parts = [name, _complete(packages), SPARE_MODULES, *filter(None, [base_digest])]
    return f"sluice-platform:{name}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]}"


def ensure_platform(
    client: docker.DockerClient,
    platform: str,
    packages: Sequence[str],
    cache: Path,
    say: Callable[[str], None],
    bounds: Bounds | None = None,
    base_digest: str = "",
) -> PlatformImage:
    """Find the image of ``platform``, or make it, and read what it has; seconds when it is there.

    ``platform`` is ``auto`` (the controller's own), ``debian-12``, ``debian-13`` or ``ubuntu-24.04``. ``cache`` holds
    what was read. ``say`` gets a line about what is being done every few seconds. ``bounds`` hold while the image is
    made and read. With ``base_digest`` it stands on the registry's image of that digest. Raises ``SluiceError`` when
    the image cannot be made.
    """
    name = controller_platform() if platform == "auto" else platform
    if name not in BASES:
        raise InputError("staging_platform", f"{name!r} is not a platform; use auto, {', '.join(BASES)}")
    for index, package in enumerate(packages):
        if not _PACKAGE.fullmatch(package):
            raise InputError(f"staging_packages[{index}]", f"{package!r} is not the name of a package")
    if base_digest and not _DIGEST.fullmatch(base_digest):
        what = f"{base_digest!r} is not a digest; expected sha256: and 64 hexadecimal digits"
        raise InputError("staging_base_digest", f"{what}, as `docker images --digests` shows it")
    tag = platform_tag(name, packages, base_digest)
    held = bounds or Bounds()
    folder = cache / "platforms"
    make_folder(folder)
    with _locked(folder / f"{tag}.lock"):
        image = _find(client, tag)
        if not image:
            build(client, BASES[name], _complete(packages), tag, say, held.memory, base_digest)
            image = client.images.get(tag)
        base = str(image.labels.get(BASE_LABEL, ""))
        if base_digest and base != BASES[name].at(base_digest):
            raise SluiceError(
                f"the image {tag} stands on {base or 'a base without a digest'}; expected "
                f"{BASES[name].at(base_digest)}, as staging_base_digest says; remove it with `docker image rm {tag}`"
            )
        return _read(client, name, tag, str(image.id), base, folder, held)


def _complete(packages: Sequence[str]) -> list[str]:
    return sorted({*_ALWAYS, *packages})


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _find(client: docker.DockerClient, tag: str) -> Image | None:
    try:
        return client.images.get(tag)
    except docker.errors.ImageNotFound:
        return None


def _read(
    client: docker.DockerClient, name: str, tag: str, image_id: str, base: str, folder: Path, bounds: Bounds
) -> PlatformImage:
    """Read the image's facts and its packaged tree, once for each image."""
    place = folder / image_id.partition(":")[2]
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            draft = Path(temporary) / "platform"
            draft.mkdir()
            (draft / "platform.json").write_text(json.dumps(_ask(client, image_id, draft, bounds)))
            draft.rename(place)
    facts = json.loads((place / "platform.json").read_text())
    modules = tuple(facts.pop("modules"))
    return PlatformImage(
        name=name, image=tag, image_id=image_id, base=base, modules=modules, tree=place / "tree", **facts
    )


def _ask(client: docker.DockerClient, image_id: str, draft: Path, bounds: Bounds) -> dict[str, object]:
    container = client.containers.create(
        image_id,
        ["sh", "-c", _QUESTIONS],
        entrypoint="",
        network_mode="none",
        labels={"sluice": "1"},
        **bounds.of(client, "build"),
    )
    try:
        container.start()
        container.wait()
        answer = container.logs().decode(errors="replace")
        chunks, _ = container.get_archive("/etc/nginx")
        archive = b"".join(chunks)
    except docker.errors.APIError as error:
        raise SluiceError(f"the platform image {image_id} cannot be read: {error}") from error
    finally:
        container.remove(force=True)
    _unpack(archive, draft)
    return parse_facts(answer)


def _unpack(archive: bytes, draft: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        # The image is our own, and its links to /usr/share/nginx must stay absolute.
        files.extraction_filter = staticmethod(lambda member, _: member)
        files.extractall(draft)
    (draft / "nginx").rename(draft / "tree")
    (draft / "tree/sites-enabled/default").unlink(missing_ok=True)


def parse_facts(answer: str) -> dict[str, object]:
    """Read what the image says about itself. Raises ``SluiceError`` when it has no nginx."""
    version = re.search(r"^nginx version: nginx/(\S+)", answer, re.MULTILINE)
    arguments = re.search(r"^configure arguments: (.*)$", answer, re.MULTILINE)
    system = re.search(r"^os=(.*)$", answer, re.MULTILINE)
    if not version or not arguments or not system:
        raise SluiceError(f"the platform image has no nginx that works; it said: {answer.strip()[-500:]}")
    return {
        "os": system[1],
        "nginx_version": version[1],
        "configure": hashlib.sha256(arguments[1].encode()).hexdigest(),
        "modules": sorted(re.findall(r"^module=(.*)$", answer, re.MULTILINE)),
    }
