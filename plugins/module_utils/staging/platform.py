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
from ..nginx_build import read_build
from ..packages import docker
from ..platforms.catalog import DISTRIBUTION, USUAL, platform_named
from ..platforms.detection import named_by_os_release
from ..storage import make_folder
from .bounds import Bounds
from .build import BASE_LABEL, at, build
from .recipe import after, complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from docker.models.images import Image

    from ..platforms import model as described

__all__ = ["PlatformImage", "controller_platform", "ensure_platform", "parse_facts", "platform_tag", "question"]

_VERSION = re.compile(r"\d+(\.\d+)*([-+~.]\S+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_QUESTIONS = """
. /etc/os-release && echo "os=$ID $VERSION_ID"
for module in "$1"/*.so; do [ -e "$module" ] && echo "module=${module##*/}"; done
nginx -V 2>&1
"""


@dataclasses.dataclass(frozen=True)
class PlatformImage:
    """An image and its nginx.

    ``configure`` is the SHA-256 of nginx's configure arguments, ``modules`` are the names of its dynamic modules, and
    ``tree`` is the packaged ``/etc/nginx`` on the controller, without the distribution's default site. ``base`` is what
    the image stands on, as ``debian@sha256:…``; empty where it came from no registry. ``source`` is who packages its
    nginx, which calls itself ``flavour`` and is relative to ``prefix``; ``layout`` is where its files are.

    Where the nginx is a host's own, ``around`` is the image that everything else in a stage is of, and ``from_host``
    says what was fetched.
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
    source: str = DISTRIBUTION
    flavour: str = "nginx"
    prefix: str = ""
    layout: dict[str, object] = dataclasses.field(default_factory=dict)
    around: str = ""
    from_host: dict[str, object] = dataclasses.field(default_factory=dict)


def controller_platform(os_release: Path = Path("/etc/os-release")) -> str:
    """Return the platform that this machine itself is, or Debian 12 where it is none that can be staged."""
    with contextlib.suppress(OSError):
        return named_by_os_release(os_release.read_text()) or USUAL
    return USUAL


def platform_tag(platform: described.Platform, packages: Sequence[str], base_digest: str = "") -> str:
    """Return the image of a platform with all these packages, on a base of that digest where one is demanded."""
    parts = [platform.name, sorted(packages), " && ".join(after(platform)), *filter(None, [base_digest])]
    name = platform.name.replace("+", "-")
    return f"sluice-platform:{name}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]}"


def ensure_platform(
    client: docker.DockerClient,
    platform: str,
    packages: Sequence[str],
    cache: Path,
    say: Callable[[str], None],
    bounds: Bounds | None = None,
    base_digest: str = "",
    source: str = DISTRIBUTION,
    version: str = "",
) -> PlatformImage:
    """Find the image of ``platform``, or make it, and read what it has; seconds when it is there.

    ``platform`` is ``auto`` (the controller's own) or the name of a release, as ``debian-12``; its nginx comes from
    ``source``, in ``version`` where that is not empty. ``cache`` holds what was read. ``say`` gets a line about what is
    being done every few seconds. ``bounds`` hold while the image is made and read. With ``base_digest`` it stands on
    the registry's image of that digest. Raises ``SluiceError`` when the image cannot be made.
    """
    found = platform_named(controller_platform() if platform == "auto" else platform, source)
    _hold_options(found, packages, base_digest, version)
    wanted = complete(found, packages, version)
    tag = platform_tag(found, wanted, base_digest)
    held = bounds or Bounds()
    folder = cache / "platforms"
    make_folder(folder)
    with _locked(folder / f"{tag}.lock"):
        image = _find(client, tag)
        if not image:
            build(client, found, wanted, tag, say, held.memory, base_digest)
            image = client.images.get(tag)
        base = str(image.labels.get(BASE_LABEL, ""))
        if base_digest and base != at(found, base_digest):
            raise SluiceError(
                f"the image {tag} stands on {base or 'a base without a digest'}; expected "
                f"{at(found, base_digest)}, as staging_base_digest says; remove it with `docker image rm {tag}`"
            )
        return _read(client, found, tag, str(image.id), base, folder, held)


def _hold_options(platform: described.Platform, packages: Sequence[str], base_digest: str, version: str) -> None:
    """Hold what a user wrote to what a package manager and a registry take. Raises ``InputError``."""
    pattern = re.compile(platform.manager.package)
    for index, package in enumerate(packages):
        if not pattern.fullmatch(package):
            raise InputError(f"staging_packages[{index}]", f"{package!r} is not the name of a package")
    if base_digest and not _DIGEST.fullmatch(base_digest):
        what = f"{base_digest!r} is not a digest; expected sha256: and 64 hexadecimal digits"
        raise InputError("staging_base_digest", f"{what}, as `docker images --digests` shows it")
    if version and not _VERSION.fullmatch(version):
        raise InputError("staging_nginx_version", f"{version!r} is not a version; expected one as 1.26.3")
    if not platform.nginx.packages:
        title = platform.origin.title if platform.origin else platform.family.title
        raise InputError("staging_nginx", f"{title} has no packages, so no image can be made of them")


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
    client: docker.DockerClient,
    platform: described.Platform,
    tag: str,
    image_id: str,
    base: str,
    folder: Path,
    bounds: Bounds,
) -> PlatformImage:
    """Read the image's facts and its packaged tree, once for each image."""
    place = folder / image_id.partition(":")[2]
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            draft = Path(temporary) / "platform"
            draft.mkdir()
            answer, archive = question(client, image_id, platform.nginx.modules, bounds)
            _unpack(archive, draft, platform.nginx.default_site)
            (draft / "platform.json").write_text(json.dumps(parse_facts(answer)))
            draft.rename(place)
    facts = json.loads((place / "platform.json").read_text())
    modules = tuple(facts.pop("modules"))
    layout = dataclasses.asdict(platform.nginx)
    # Point releases are one platform.
    release = platform.release.version
    name, _, number = str(facts["os"]).partition(" ")
    facts["os"] = f"{name} {release}" if f"{number}.".startswith(f"{release}.") else facts["os"]
    return PlatformImage(
        name=platform.release.name,
        image=tag,
        image_id=image_id,
        base=base,
        modules=modules,
        tree=place / "tree",
        source=platform.source,
        layout={name: list(value) if isinstance(value, tuple) else value for name, value in layout.items()},
        **facts,
    )


def question(
    client: docker.DockerClient, image_id: str, modules: str, bounds: Bounds, tree: str = "/etc/nginx"
) -> tuple[str, bytes]:
    """Return what an image says of itself and of its nginx, whose modules are in the folder ``modules``, and its
    ``tree`` as tar; nothing where none is named. Raises ``SluiceError``.
    """
    container = client.containers.create(
        image_id,
        ["sh", "-c", _QUESTIONS, "sh", modules],
        entrypoint="",
        network_mode="none",
        labels={"sluice": "1"},
        **bounds.of(client, "build"),
    )
    try:
        container.start()
        container.wait()
        answer = container.logs().decode(errors="replace")
        chunks, _ = container.get_archive(tree) if tree else ((), {})
        return answer, b"".join(chunks)
    except docker.errors.APIError as error:
        raise SluiceError(f"the platform image {image_id} cannot be read: {error}") from error
    finally:
        container.remove(force=True)


def _unpack(archive: bytes, draft: Path, default_site: Sequence[str]) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        # The image is our own, and its links out of the tree must stay absolute.
        files.extraction_filter = staticmethod(lambda member, _: member)
        files.extractall(draft)
    (draft / "nginx").rename(draft / "tree")
    for path in default_site[-1:]:
        (draft / "tree" / path).unlink(missing_ok=True)


def parse_facts(answer: str) -> dict[str, object]:
    """Read what the image says about itself. Raises ``SluiceError`` when it has no nginx."""
    built = read_build(answer)
    arguments = re.search(r"^configure arguments: (.*)$", answer, re.MULTILINE)
    system = re.search(r"^os=(.*)$", answer, re.MULTILINE)
    if not built or not arguments or not system:
        raise SluiceError(f"the platform image has no nginx that works; it said: {answer.strip()[-500:]}")
    return {
        "os": system[1],
        "nginx_version": built.version,
        "flavour": built.flavour,
        "prefix": built.prefix,
        "configure": hashlib.sha256(arguments[1].encode()).hexdigest(),
        "modules": sorted(re.findall(r"^module=(.*)$", answer, re.MULTILINE)),
    }
