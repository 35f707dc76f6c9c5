"""Reads what is published: from a web server, a folder or a git repository, bounded in size, time and redirects.

Whatever comes is bytes that nobody has verified yet. Nothing is unpacked here.
"""

from __future__ import annotations

import abc
import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from ...errors import SluiceError

if TYPE_CHECKING:
    from pathlib import Path

    from ..host.system import System
    from .settings import PullSettings

__all__ = ["MOST", "FetchFault", "Source", "open_source"]

MOST = 256 << 20
"""Bytes of the largest file that is read, as of a bundle that is pushed."""

# Seconds: for one step of the network, and for the whole of a small file. Larger ones have what a slow line needs.
_STEP, _WHOLE = 15.0, 30.0
_SLOWEST = 64 << 10
_HOPS = 3
_PART = 64 << 10
_GIT_SECONDS = 300.0
_TIP = "refs/sluice/published"
_REDIRECTS = (301, 302, 303, 307, 308)


class FetchFault(SluiceError):
    """What is published cannot be read now; the text says why. It says nothing about a release."""


class Source(abc.ABC):
    """A place with what is published."""

    @abc.abstractmethod
    def read(self, path: str, most: int) -> bytes:
        """Return the file at ``path``, a relative one, of at most so many bytes. Raises ``FetchFault``."""


def open_source(settings: PullSettings, system: System, work: Path) -> Source:
    """Return the source of a host; a git repository is kept below ``work``. Nothing is read yet."""
    scheme = urlsplit(settings.source).scheme
    if scheme == "file":
        return _Folder(unquote(urlsplit(settings.source).path))
    if scheme.startswith("git+"):
        return _Git(settings, system, work)
    return _Web(settings)


def _within(data: bytes, most: int, what: str) -> bytes:
    if len(data) > most:
        raise FetchFault(f"{what} has more than {most} bytes; expected what sluice.nginx.deploy publishes there")
    return data


class _Folder(Source):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, path: str, most: int) -> bytes:
        from ..safe_open import read_any

        place = os.path.join(self._folder, path)
        try:
            return _within(read_any(place, most + 1), most, place)
        except OSError as error:
            raise FetchFault(f"{place} cannot be read: {error.strerror}") from error


class _Web(Source):
    def __init__(self, settings: PullSettings) -> None:
        self._settings = settings

    def read(self, path: str, most: int) -> bytes:
        """Read on a thread, which is left alone when its time is over: a server may send a byte now and then."""
        url = f"{self._settings.source.rstrip('/')}/{path}"
        seconds = _WHOLE + most / _SLOWEST
        found: list[bytes | Exception] = []

        def work() -> None:
            try:
                found.append(self._read(url, most, seconds))
            except Exception as error:
                # Whatever a server says, the host serves on.
                found.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds + _STEP)
        result = found[0] if found else FetchFault(f"{url} was not there within {seconds:.0f} s")
        if isinstance(result, FetchFault):
            raise result
        if isinstance(result, Exception):
            raise FetchFault(f"{url} cannot be read: {_reason(result)}") from result
        return _within(result, most, url)

    def _read(self, url: str, most: int, seconds: float) -> bytes:
        import time

        until = time.monotonic() + seconds
        with self._opened(url) as answer:
            parts, size = [], 0
            while size <= most:
                if time.monotonic() > until:
                    raise FetchFault(f"{url} was not there within {seconds:.0f} s")
                part = answer.read1(min(_PART, most + 1 - size))
                if not part:
                    break
                parts.append(part)
                size += len(part)
            expected = answer.headers.get("Content-Length", "")
        if size <= most and expected.isdigit() and len(expected) < 15 and size < int(expected):
            raise FetchFault(f"{url} ended after {size} of {expected} bytes")
        return b"".join(parts)

    def _opened(self, url: str) -> Any:
        """Return the answer, after at most a few redirects. Raises ``FetchFault``, ``OSError``, ``HTTPException``."""
        # Here, since most engines never pull.
        from urllib.error import HTTPError
        from urllib.request import Request

        opener, asked = self._opener(), url
        for _ in range(_HOPS + 1):
            # The header is for the source alone, wherever that leads.
            is_own = urlsplit(asked)[:2] == urlsplit(url)[:2]
            request = Request(asked, headers={"User-Agent": "sluice-pull", **(self._header() if is_own else {})})
            try:
                return opener.open(request, timeout=_STEP)
            except HTTPError as error:
                location, code = error.headers.get("Location") or "", error.code
                error.close()
            if code not in _REDIRECTS or not location:
                raise FetchFault(_refusal(url, code))
            asked = self._next(asked, location)
        raise FetchFault(f"{url} leads on more than {_HOPS} times; name in the source where it ends")

    def _next(self, asked: str, location: str) -> str:
        to = urljoin(asked, location)
        allowed = ("https", "http") if urlsplit(asked).scheme == "http" else ("https",)
        if urlsplit(to).scheme not in allowed or not urlsplit(to).hostname:
            raise FetchFault(
                f"{asked} leads to {to[:200]!r}; expected another https:// address, so it was not followed"
            )
        return to

    def _header(self) -> dict[str, str]:
        name, _, value = self._settings.header.partition(": ")
        return {name: value} if name else {}

    def _opener(self) -> Any:
        import ssl
        from urllib import request

        ca = self._settings.ca
        try:
            context = ssl.create_default_context(cafile=ca or None)
        except (OSError, ValueError) as error:
            raise FetchFault(f"ca: {ca} cannot be used: {error}; expected a PEM file") from error
        opener = request.OpenerDirector()
        # Neither file: nor ftp:, and no redirect that is not looked at.
        handlers = [
            *(request.ProxyHandler(), request.HTTPSHandler(context=context), request.HTTPHandler()),
            *(request.HTTPErrorProcessor(), request.HTTPDefaultErrorHandler(), request.UnknownHandler()),
        ]
        for handler in handlers:
            opener.add_handler(handler)
        return opener


def _refusal(url: str, code: int) -> str:
    if code == 404:
        return f"{url} is not there: nothing was published under this name, or the source is another one"
    if code in (401, 403):
        return f"{url} is refused with {code}; the server wants to know who asks: set header, or allow this host there"
    return f"{url} is answered with {code}"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason}" if not isinstance(reason, str) else reason


class _Git(Source):
    """A bare copy of the last commit alone; no file of it is checked out, and nothing of it is run."""

    def __init__(self, settings: PullSettings, system: System, work: Path) -> None:
        self._url, _, branch = settings.source[len("git+") :].partition("#")
        self._branch = branch or "HEAD"
        self._header, self._ca = settings.header, settings.ca
        self._system, self._folder = system, work / "pull.git"
        self._is_fetched = False

    def read(self, path: str, most: int) -> bytes:
        if not self._is_fetched:
            self._fetch()
        name = f"{_TIP}:{path}"
        size = self._git("cat-file", "-s", name, why=f"{self._url} has no {path}").strip()
        if not size.isdigit() or len(size) > 15 or int(size) > most:
            raise FetchFault(f"{path} of {self._url} has {size[:20]} bytes; expected up to {most}")
        place = self._folder / "blob"
        script = f'exec git --git-dir="$1" cat-file blob "$2" > "{place}"'
        done = self._system.run(["sh", "-c", script, "sh", str(self._folder), name], _GIT_SECONDS)
        try:
            if done.rc:
                raise FetchFault(f"{path} of {self._url} cannot be read: {done.output.strip()[-300:]}")
            return place.read_bytes()
        finally:
            self._system.remove(place)

    def _fetch(self) -> None:
        if not (self._folder / "HEAD").is_file():
            self._system.remove(self._folder)
            self._system.make_directory(self._folder, 0o700)
            self._git("init", "--bare", "--quiet", why="no repository can be made")
        options = ["--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules"]
        try:
            # What has a name of its own is kept, and only what is new comes next time.
            fetching = ["fetch", *options, self._url, f"+{self._branch}:{_TIP}"]
            self._git(*self._config(), *fetching, why=f"{self._url} cannot be fetched")
            # What came before is no more than waste, and another process would still be at it while this one reads.
            tidying = ["-c", "gc.pruneExpire=now", "-c", "gc.autoDetach=false", "-c", "gc.autoPackLimit=5"]
            self._git(*tidying, "gc", "--auto", "--quiet", why="the repository cannot be tidied")
        except FetchFault:
            # A lock of one that was killed, or half an object, would be in the way for ever.
            self._system.remove(self._folder)
            raise
        self._is_fetched = True

    def _config(self) -> list[str]:
        scheme = urlsplit(self._url).scheme
        config = ["-c", "protocol.allow=never", "-c", f"protocol.{scheme}.allow=always"]
        # Each version of git syncs packs, and not all do single objects: a power cut would leave some that are empty.
        config += ["-c", "fetch.unpackLimit=1"]
        if self._ca:
            config += ["-c", f"http.sslCAInfo={self._ca}"]
        if self._header and scheme == "https":
            # Not an argument, which any user of the host could see.
            kept = self._folder / "config.header"
            self._system.write(kept, f"[http]\n\textraHeader = {_quoted(self._header)}\n".encode())
            config += ["-c", f"include.path={kept}"]
        return config

    def _git(self, *arguments: str, why: str) -> str:
        environment = ["GIT_TERMINAL_PROMPT=0", "GIT_SSH_COMMAND=ssh -o BatchMode=yes", "GIT_CONFIG_NOSYSTEM=1"]
        # No file becomes larger than what is read; without that a repository could fill the disk.
        script = f'ulimit -f {4 * MOST // 512}; exec env "$@"'
        argv = ["sh", "-c", script, "sh", *environment, "git", f"--git-dir={self._folder}", *arguments]
        done = self._system.run(argv, _GIT_SECONDS)
        if done.rc in (126, 127):
            raise FetchFault("this host has no git, which a source of git+ needs; install git, or use https://")
        if done.rc:
            raise FetchFault(f"{why}: {done.output.strip()[-300:]}")
        return done.output


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
