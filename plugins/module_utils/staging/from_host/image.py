"""Makes the image of a platform with a host's own nginx in the place of the packaged one."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import posixpath
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, SluiceError
from ...nginx_build import BuiltAs
from ...packages import docker, requests
from ...platforms.catalog import DISTRIBUTION
from ...platforms.detection import named_by_os_release, os_words
from ..bounds import Bounds
from ..build import BASE_LABEL
from ..platform import PlatformImage, controller_platform, parse_facts, question
from . import lay
from .received import HostNginx, KeptFiles, elf_in

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bases", "ensure_with_host_nginx", "layer_of"]

LABEL = "sluice.host-nginx"
"""The label of an image that tells the digest of the nginx in it."""

_RECIPE = """\
FROM {image}
COPY host/ {home}/
RUN python3 -I {home}/lay.py
"""
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386"}
_LAST_LINES = 15
_PATHS = ("error-log-path", "http-log-path", "pid-path")

Make = Callable[[str, str], PlatformImage]


def bases(platform: str, source: str, nginx: HostNginx) -> list[tuple[str, str]]:
    """Return the platforms to lay a host's nginx over, the best first, each with its source of nginx.

    Where the user leaves that open it is what the host says that it is, else the controller's own: nginx then has the
    host's loader and libraries all the same.
    """
    if platform != "auto":
        return [(platform, source)]
    named = named_by_os_release(nginx.os_release)
    return list(dict.fromkeys([*([(named, source)] if named else []), (controller_platform(), DISTRIBUTION)]))


def ensure_with_host_nginx(
    client: docker.DockerClient,
    nginx: HostNginx,
    kept: KeptFiles,
    platforms: Sequence[tuple[str, str]],
    make: Make,
    say: Callable[[str], None],
    bounds: Bounds,
) -> PlatformImage:
    """Find or make the image with a host's nginx, over the first of ``platforms`` that ``make`` can make.

    Raises ``SluiceError`` where there is none, and where nginx says something else there than on its host.
    """
    _hold_machine(client, nginx)
    base = _base(nginx, platforms, make, say)
    plan = layer_of(nginx, kept, _binary(base))
    told = json.dumps([nginx.digest, base.image_id, plan, Path(lay.__file__).read_text(encoding="utf-8")])
    digest = hashlib.sha256(told.encode()).hexdigest()
    tag = f"{base.image.rpartition('-')[0]}-host-{digest[:12]}"
    try:
        image = client.images.get(tag)
    except docker.errors.ImageNotFound:
        say(f"laying {nginx.words}, of {nginx.host}, over {base.image}")
        _build(client, nginx, kept, base, plan, tag, bounds)
        image = client.images.get(tag)
    answer, _ = question(client, str(image.id), plan["modules"], bounds, tree="")
    _hold_words(client, nginx, answer, tag, base)
    facts = parse_facts(answer)
    layout = {**base.layout, **_layout(nginx.built)}
    told_of: dict[str, object] = {
        "host": nginx.host,
        "digest": nginx.digest,
        "said": nginx.said,
        "files": [dataclasses.asdict(each) for each in nginx.files],
        "lacks": list(nginx.lacks),
    }
    return dataclasses.replace(
        base,
        image=tag,
        image_id=str(image.id),
        os=os_words(nginx.os_release) or base.os,
        nginx_version=str(facts["nginx_version"]),
        configure=str(facts["configure"]),
        modules=tuple(sorted(each.name for each in nginx.of("module"))),
        flavour=str(facts["flavour"]),
        prefix=str(facts["prefix"]),
        layout=layout,
        around=base.image,
        from_host=told_of,
    )


def _base(
    nginx: HostNginx, platforms: Sequence[tuple[str, str]], make: Make, say: Callable[[str], None]
) -> PlatformImage:
    for number, (name, source) in enumerate(platforms):
        try:
            return make(name, source)
        except InputError:
            raise
        except SluiceError as error:
            if number + 1 == len(platforms):
                raise
            over = platforms[number + 1][0]
            say(f"{name}, which {nginx.host} is, cannot be made: {error}; its nginx is laid over {over}")
    raise SluiceError("staging_platform names no platform")


def _binary(base: PlatformImage) -> str:
    return str(base.layout.get("binary") or "/usr/sbin/nginx")


def _hold_machine(client: docker.DockerClient, nginx: HostNginx) -> None:
    said = str(client.version().get("Arch") or "")
    here = _ARCHITECTURES.get(said, said)
    if nginx.machine != here:
        raise SluiceError(
            f"staging_from_host: the nginx of {nginx.host} is for {nginx.machine}, and Docker runs {here} here; "
            "name a host of that kind, or let a controller of the other kind run the gates"
        )


def layer_of(nginx: HostNginx, kept: KeptFiles, packaged: str) -> dict[str, Any]:
    """Return what ``lay`` is told: where in the image what belongs. ``packaged`` is the platform's own binary.

    Raises ``SluiceError`` for a path that cannot be one.
    """
    built = nginx.built
    (binary,) = nginx.of("binary")
    header = elf_in(nginx, binary, kept.path(binary).read_bytes())
    loaders = nginx.of("loader")
    if bool(header.loader) != bool(loaders) or (loaders and loaders[0].path != header.loader):
        seen = loaders[0].path if loaders else "none"
        raise SluiceError(
            f"staging_from_host: {nginx.host} sent the loader {seen}; expected {header.loader or 'none'}, which its "
            "nginx names. See to that host, or name another one there"
        )
    modules = _plain(nginx, "modules-path", built.path("modules-path"))
    paths = [_plain(nginx, name, built.path(name)) for name in _PATHS]
    others = [name for name in built.options if name == "lock-path" or name.endswith("-temp-path")]
    paths += [_plain(nginx, name, built.path(name)) for name in others]
    return {
        "loader": header.loader,
        "loader_at": header.loader_at,
        "binaries": sorted({binary.path, packaged, "/usr/sbin/nginx"}),
        "folders": sorted({posixpath.dirname(path) for path in paths} | {_plain(nginx, "prefix", built.prefix)}),
        "modules": modules,
        "elsewhere": {each.name: each.path for each in nginx.of("module") if posixpath.dirname(each.path) != modules},
        "configuration": _plain(nginx, "conf-path", built.path("conf-path")),
        "user": _name(built.options.get("user", "")),
        "group": _name(built.options.get("group", "") or built.options.get("user", "")),
    }


def _plain(nginx: HostNginx, name: str, path: str) -> str:
    """Return a path that nginx was configured with, without what its author wrote twice."""
    normal = posixpath.normpath(path)
    if not normal.startswith("/") or normal.count("/") < 2 or len(normal) > 1024:
        raise SluiceError(
            f"staging_from_host: --{name}={path[:100]!r} of the nginx of {nginx.host} is no absolute path below a "
            "folder; see to that host, or name another one there"
        )
    return normal


def _name(text: str) -> str:
    return text if text.replace("-", "").replace("_", "").isalnum() and text.isascii() and len(text) <= 32 else ""


def _layout(built: BuiltAs) -> dict[str, object]:
    """Return where this nginx has what the descriptions of platforms name."""
    found: dict[str, object] = {
        "flavour": built.flavour,
        "prefix": built.prefix.rstrip("/") or "/",
        "configuration": built.path("conf-path"),
        "modules": built.path("modules-path"),
        "pid": built.path("pid-path"),
    }
    return {**found, **({"user": built.user, "group": built.group} if "user" in built.options else {})}


def _build(
    client: docker.DockerClient,
    nginx: HostNginx,
    kept: KeptFiles,
    base: PlatformImage,
    plan: Mapping[str, Any],
    tag: str,
    bounds: Bounds,
) -> None:
    doing = f"staging_from_host: laying the nginx of {nginx.host} over {base.image}"
    lines: list[str] = []
    with tempfile.TemporaryFile() as context:
        _pack(context, nginx, kept, base, plan)
        context.seek(0)
        try:
            stream = client.api.build(
                fileobj=context,
                custom_context=True,
                tag=tag,
                labels={"sluice": "1", BASE_LABEL: base.base, LABEL: nginx.digest},
                rm=True,
                forcerm=True,
                decode=True,
                network_mode="none",
                container_limits={"memory": bounds.memory, "memswap": bounds.memory},
            )
            for event in stream:
                if "error" in event:
                    said = "; ".join([*lines[-_LAST_LINES:], str(event["error"])])
                    raise SluiceError(f"{doing} failed: {said}")
                lines += str(event.get("stream") or "").strip().splitlines()[-1:]
        except (docker.errors.APIError, requests.RequestException) as error:
            raise SluiceError(f"{doing} failed: {error}") from error


def _pack(context: Any, nginx: HostNginx, kept: KeptFiles, base: PlatformImage, plan: Mapping[str, Any]) -> None:
    """Write the build context. Its names are of our own making, or of letters and digits."""
    recipe = _RECIPE.format(image=base.image_id, home=lay.HOME)
    texts = {
        "Dockerfile": recipe.encode(),
        "host/plan.json": json.dumps(plan).encode(),
        "host/lay.py": Path(lay.__file__).read_bytes(),
    }
    with tarfile.open(fileobj=context, mode="w") as archive:
        for folder in ("host", "host/sbin", "host/modules", "host/libraries"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, data in texts.items():
            _add(archive, name, 0o644, data)
        for each in nginx.files:
            _add(archive, _place(each.kind, each.name), 0o755, kept.path(each).read_bytes())


def _place(kind: str, name: str) -> str:
    fixed = {"binary": "host/sbin/nginx", "loader": "host/ld.so"}
    return fixed.get(kind) or f"host/{'modules' if kind == 'module' else 'libraries'}/{name}"


def _add(archive: tarfile.TarFile, name: str, mode: int, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def _hold_words(client: docker.DockerClient, nginx: HostNginx, answer: str, tag: str, base: PlatformImage) -> None:
    """Hold what nginx says in the image to what it says on its host. Raises ``SluiceError``."""
    here, there = _own_words(answer.splitlines()), _own_words(nginx.said.splitlines())
    if here == there:
        return
    client.images.remove(tag, force=True)
    lines = answer.strip().splitlines()
    seen = next((line for line in here if line not in there), lines[-1] if lines else "nothing")
    expected = next((line for line in there if line not in here), "nothing more")
    lacks = f"; the host lacks something itself: {'; '.join(nginx.lacks)}" if nginx.lacks else ""
    raise SluiceError(
        f"staging_from_host: the nginx of {nginx.host} says something else over {base.image} than on its host.\n"
        f"  expected  {expected[:300]}\n  actual    {seen[:300]}\n"
        f"  fix       set staging_platform to what that host runs, so that both have the same around nginx{lacks}"
    )


def _own_words(lines: Iterable[str]) -> list[str]:
    """Return the lines from the one on in which nginx names its version; a loader's own words may stand before."""
    found = [line.strip() for line in lines]
    start = next((number for number, line in enumerate(found) if " version: " in line), len(found))
    return [line for line in found[start:] if line]
