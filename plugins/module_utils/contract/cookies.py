"""Cookies within the redirects of one check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message
    from http.cookiejar import CookieJar

    from .answer import Answer
    from .url import Url

__all__ = ["Cookies"]

# Browsers take no longer ones; in characters.
_LONGEST = 4096


class _Headed:
    """All of an answer that a jar asks for."""

    def __init__(self, headers: Message) -> None:
        self._headers = headers

    def info(self) -> Message:
        return self._headers


class Cookies:
    """What the answers of a chain have set. Most set nothing, and then nothing is imported for it either."""

    def __init__(self) -> None:
        self._jar: CookieJar | None = None

    def keep(self, url: Url, answer: Answer) -> None:
        """Keep what the answer of ``url`` sets, by the rules of browsers. Raises what a broken cookie makes of it."""
        values = [value for value in answer.values("Set-Cookie") if len(value) <= _LONGEST]
        if not values:
            return
        from email.message import Message
        from http.cookiejar import CookieJar
        from urllib.request import Request

        headers = Message()
        for value in values:
            headers["Set-Cookie"] = value
        self._jar = CookieJar() if self._jar is None else self._jar
        response: Any = _Headed(headers)
        self._jar.extract_cookies(response, Request(str(url)))

    def header(self, url: Url) -> str | None:
        """Return what a request for ``url`` sends as ``Cookie``."""
        if self._jar is None:
            return None
        from urllib.request import Request

        carrier = Request(str(url))
        self._jar.add_cookie_header(carrier)
        return carrier.get_header("Cookie")

    def state(self) -> tuple[tuple[str, str | None], ...]:
        """Return all names and values, to tell whether anything has changed."""
        return tuple((cookie.name, cookie.value) for cookie in self._jar or ())
