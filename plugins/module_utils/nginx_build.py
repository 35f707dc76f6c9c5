"""What ``nginx -V`` says, read: whose nginx it is, its version, and what it was configured with. For both sides."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

__all__ = ["BuiltAs", "differences", "read_build"]

_ARGUMENTS = "configure arguments:"
_VERSION = " version: "
_DIGITS = frozenset("0123456789.")
# nginx's own, where nothing was said to `configure`.
_PREFIX = "/usr/local/nginx"
_USUAL = {
    "sbin-path": "sbin/nginx",
    "modules-path": "modules",
    "conf-path": "conf/nginx.conf",
    "pid-path": "logs/nginx.pid",
    "error-log-path": "logs/error.log",
    "http-log-path": "logs/access.log",
}
_NOBODY = "nobody"


class BuiltAs(NamedTuple):
    """One nginx. ``flavour`` is what it calls itself (nginx, openresty, Angie, freenginx) and ``version`` its own;
    ``core`` is the version of nginx that it stands on. ``modules`` are the words that say what is compiled in.
    """

    flavour: str
    version: str
    core: str
    options: dict[str, str]
    modules: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The folder to which relative paths are relative."""
        return self.options.get("prefix", _PREFIX)

    def path(self, name: str) -> str:
        """Return the absolute path of an option, as ``conf-path``, given or nginx's own."""
        return posixpath.join(self.prefix, self.options.get(name, _USUAL.get(name, "")))

    @property
    def user(self) -> str:
        """The user of the workers where the configuration names none."""
        return self.options.get("user") or _NOBODY

    @property
    def group(self) -> str:
        """Their group; empty where nothing was said."""
        return self.options.get("group") or self.options.get("user") or ""


def read_build(said: str) -> BuiltAs | None:
    """Read what ``nginx -V`` has printed; nothing where no version is in it.

    A line of the loader's or a wrapper's may stand before it. Angie and OpenResty name themselves first; the line of
    nginx, where there is one, is the version that they stand on.
    """
    found: list[tuple[str, str]] = []
    for line in said.splitlines():
        head, mark, rest = line.partition(_VERSION)
        name, slash, number = rest.partition("/")
        # The program's name may stand before, as "nginx: nginx version: …" of very old ones.
        if mark and slash and name and head.split() and len(name.split()) == 1:
            version = number[: len(number) - len(number.lstrip("".join(sorted(_DIGITS))))].rstrip(".")
            if version:
                found.append((name, version))
    if not found:
        return None
    flavour, version = found[0]
    core = next((number for name, number in found if name == "nginx"), version)
    words = _words(said)
    options = dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
    modules = tuple(
        sorted(word for word in words if word.startswith(("--with-", "--without-")) and "-opt=" not in word)
    )
    return BuiltAs(flavour, version, ".".join(core.split(".")[:3]), options, modules)


def _words(said: str) -> list[str]:
    """Return the arguments of ``configure``; one in quotes, which has spaces in it, is one word."""
    line = said.partition(_ARGUMENTS)[2].split("\n", 1)[0]
    words: list[str] = []
    quote, word = "", ""
    for letter in line:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter.isspace():
            words.append(word)
            word = ""
            continue
        word += letter
    return [each for each in [*words, word] if each]


def differences(staged: BuiltAs, own: BuiltAs) -> list[tuple[str, str, str]]:
    """Return in what an nginx is not built as the one in staging: what, staging's and its own.

    Only what changes how a configuration is read or served: compilers' options differ with each build of a package.
    """
    found = []
    if staged.flavour != own.flavour:
        found.append(("another server", staged.flavour, own.flavour))
    if staged.version != own.version:
        found.append(("another version", staged.version, own.version))
    if staged.prefix != own.prefix:
        found.append(("another prefix, to which relative paths are relative", staged.prefix, own.prefix))
    missing = sorted(_compiled(staged) - _compiled(own))
    more = sorted(_compiled(own) - _compiled(staged))
    if missing or more:
        found.append(("other parts are compiled in", ", ".join(missing) or "no more", ", ".join(more) or "no more"))
    return found


def _compiled(built: BuiltAs) -> set[str]:
    """What is compiled in or left out, without what is a module of its own (``=dynamic``): those are files."""
    return {word[2:] for word in built.modules if "=" not in word and (word.endswith("_module") or "without" in word)}
