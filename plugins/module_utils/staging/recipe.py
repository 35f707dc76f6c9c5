"""What is done in a base image to make it a platform's: commands of a shell, of the platform's description."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..platforms.model import Platform

__all__ = ["after", "complete", "steps"]

_SPARE = "/usr/share/sluice/modules"
_CONF = "/etc/nginx"


def complete(platform: Platform, packages: Sequence[str], version: str = "") -> list[str]:
    """Return all packages of an image: nginx, in ``version`` where one is asked for, and what staging needs."""
    pinned = platform.manager.pinned
    own = [_filled(pinned, package=each, version=version) if version else each for each in platform.nginx.packages]
    return sorted({*platform.manager.always, *own, *packages})


def steps(platform: Platform, packages: Sequence[str]) -> list[str]:
    """Return the commands that make a platform's image, of a base image."""
    manager = platform.manager
    install = " \\\n      ".join([manager.install, *map(shlex.quote, packages)])
    return [manager.before, manager.refresh, *_repository(platform), install, *after(platform), manager.clean]


def after(platform: Platform) -> list[str]:
    """Return the commands for after the packages are there: where staging looks for nginx, and its spare modules."""
    return [*_at_home(platform), *(_spare_modules(platform) if platform.nginx.modules_are else ())]


def _repository(platform: Platform) -> list[str]:
    """Add the repository of a source beside the distribution's."""
    if platform.origin is None:
        return []
    found = platform.origin.repositories.get(platform.family.packages_by)
    if found is None:
        return []
    words = {
        "channel": platform.origin.channels[platform.source],
        "distribution": platform.distribution,
        "codename": platform.release.codename,
        "version": platform.release.version,
        "major": platform.release.version.partition(".")[0],
    }
    name = platform.source.partition("-")[0]
    address = _filled(found.address, **words)
    return [_filled(platform.manager.repository, source=name, signed_by=found.signed_by, address=address)]


def _at_home(platform: Platform) -> list[str]:
    """Let nginx be called ``nginx`` and read ``/etc/nginx/nginx.conf``, by links, where it is built for other places.

    Hosts get the same links, as the preflight asks for.
    """
    nginx = platform.nginx
    found = []
    if nginx.binary != "/usr/sbin/nginx":
        found.append(f"ln -sf {nginx.binary} /usr/local/sbin/nginx")
    if nginx.folder != _CONF:
        name = nginx.configuration.rpartition("/")[2]
        found.append(f"mv {nginx.folder} {_CONF} && ln -s {_CONF} {nginx.folder}")
        if name != "nginx.conf":
            found.append(f"mv {_CONF}/{name} {_CONF}/nginx.conf && ln -s nginx.conf {_CONF}/{name}")
        # The same files, by the name under which gates take them for the tree's.
        found.append(f"sed -i 's@{nginx.folder}/@{_CONF}/@g' {_CONF}/nginx.conf")
    return found


def _spare_modules(platform: Platform) -> list[str]:
    """Put every dynamic module aside, for configurations that need one which the user does not list.

    What nginx itself finds (its folder of modules, its tree) stays as the listed packages left it, since that is what
    production has. The names of the files that load modules tell the order in which that must be done; where packages
    bring no such files, each module gets one.
    """
    nginx, manager = platform.nginx, platform.manager
    enabled = nginx.enabled_modules
    recipes = enabled if enabled.startswith("/") else f"$conf/{enabled}"
    listed = _filled(manager.listed, pattern=nginx.modules_are, stem=nginx.modules_are.rstrip("*"))
    if enabled:
        ordered = f"for link in {recipes}; do cp -L $link $spare/; done"
    else:
        ordered = (
            "for module in $own/*.so; do name=$(basename $module .so)"
            ' && echo "load_module modules/$name.so;" > $spare/50-$name.conf; done'
        )
    return [
        f"spare={_SPARE} own={nginx.modules} conf={_CONF}",
        "mkdir -p $spare $own",
        "cp -a $own /tmp/own",
        "cp -a $conf /tmp/conf",
        f"get={shlex.quote(manager.install)}",
        f"wanted=$({listed})",
        "{ $get $wanted || for package in $wanted; do $get $package || echo no $package; done; }",
        ordered,
        "cp $own/*.so $spare/",
        "rm -rf $own $conf",
        "mv /tmp/own $own",
        "mv /tmp/conf $conf",
    ]


def _filled(text: str, **words: str) -> str:
    """Put words in the place of their names in braces; other braces are the shell's."""
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return text
