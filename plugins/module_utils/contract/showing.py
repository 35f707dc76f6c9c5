"""What of a request, and of its answer, people are shown: names and paths; of values only those that can be no secret.

One rule for both sides. Comparisons use the values themselves: this is for what is printed, recorded or sent.
"""

from __future__ import annotations

__all__ = ["HIDDEN", "is_open_header", "is_secret_name", "is_telling", "shown_header", "shown_name", "shown_url"]

HIDDEN = "…"
"""Stands for a value that is not shown."""

# Headers whose values say how something is sent, kept or read, and nothing of who asks.
_OPEN = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "alt-svc"),
        *("cache-control", "connection", "content-disposition", "content-encoding", "content-language"),
        *("content-length", "content-range", "content-security-policy", "content-type", "date", "expires", "host"),
        *("if-modified-since", "if-unmodified-since", "keep-alive", "last-modified", "location", "origin"),
        *("permissions-policy", "pragma", "range", "referrer-policy", "retry-after", "server"),
        *("strict-transport-security", "transfer-encoding", "upgrade", "upgrade-insecure-requests", "vary", "via"),
        *("www-authenticate", "x-cache", "x-content-type-options", "x-forwarded-proto", "x-forwarded-ssl"),
        # The last one is our own, for stubs of upstreams.
        *("x-frame-options", "x-robots-tag", "x-scheme", "x-xss-protection", "x-sluice-answer"),
    )
)
_OPEN_BEGINNINGS = ("access-control-", "cross-origin-", "x-accel-")
# As a part of a name, and as a whole word of it: `design` has no `sig` in it, and `monkey` no `key`.
_SECRET_PARTS = (
    *("token", "secret", "passw", "apikey", "session", "sessid", "signature", "credential", "auth", "jwt", "csrf"),
    *("xsrf", "hmac", "nonce", "cookie", "private", "saml", "assertion", "accesskey"),
)
_SECRET_WORDS = frozenset(
    (
        *("key", "keys", "sig", "sign", "pass", "pwd", "pw", "code", "otp", "pin", "sid", "md5", "hash", "sha", "sha1"),
        *("sha256", "ticket", "state", "mail", "email", "login", "phone"),
    )
)
# A value of letters alone, as `desc`; one of digits alone, as `42`; and one of whatever.
_MOST_LETTERS, _MOST_DIGITS, _MOST_OF_ANY = 8, 6, 3
_MOST_NUMBERS = 4
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset("0123456789")
_OF_ANY = _LETTERS | _DIGITS | frozenset("_.-*~")
_NAME = _LETTERS | _DIGITS | frozenset("_")


def is_secret_name(name: str) -> bool:
    """Return whether the name of a header, a parameter or a variable says that its value is a secret."""
    lower = name.lower()
    return any(part in lower for part in _SECRET_PARTS) or not _SECRET_WORDS.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    """Return the words of ``api-key``, ``apiKey`` or ``user[api_key]``, in lower case."""
    found = [""]
    for number, letter in enumerate(name):
        begins = letter.isupper() and number > 0 and name[number - 1].islower()
        if begins or not letter.isalnum():
            found.append("")
        if letter.isalnum():
            found[-1] += letter.lower()
    return [word for word in found if word]


def is_telling(value: str) -> bool:
    """Return whether ``value`` could be a secret: it is neither short and plain, as ``42`` or ``desc``, nor made of
    variables of nginx.
    """
    value = value.strip()
    if value in ("", HIDDEN) or (len(value) <= _MOST_OF_ANY and _OF_ANY.issuperset(value)):
        return False
    if _LETTERS.issuperset(value):
        return len(value) > _MOST_LETTERS
    if _DIGITS.issuperset(value):
        return len(value) > _MOST_DIGITS
    numbers = value.split(",")
    if len(numbers) <= _MOST_NUMBERS and all(map(_DIGITS.issuperset, numbers)):
        return len(value) > _MOST_LETTERS
    return not _is_variables(value)


def _is_variables(value: str) -> bool:
    if value[0] != "$":
        return False
    return all(
        _NAME.issuperset(part[1:-1] if part[:1] == "{" and part[-1:] == "}" else part) for part in value.split("$")[1:]
    )


def is_open_header(name: str) -> bool:
    """Return whether the values of this header are shown."""
    lower = name.lower()
    return lower in _OPEN or lower.startswith(_OPEN_BEGINNINGS)


def shown_header(name: str, value: str, *, answered: bool = False) -> str:
    """Return the value of a header as people are shown it. Of what was ``answered``, plain values are shown as well."""
    if is_open_header(name):
        return shown_url(value)
    is_plain = answered and not is_secret_name(name) and not is_telling(value)
    return value if is_plain or not value else HIDDEN


def shown_url(url: str) -> str:
    """Return a URL, or a target, without the values of its parameters that could be a secret."""
    if "?" not in url and "#" not in url:
        return url
    path, mark, rest = url.partition("?" if "?" in url else "#")
    query, hash_mark, fragment = rest.partition("#")
    shown = "&".join(map(_shown_pair, query.split("&")))
    return f"{path}{mark}{shown}{hash_mark}" + "&".join(map(_shown_pair, fragment.split("&")))


def shown_name(name: str, url: str) -> str:
    """Return the name of a check that asks for ``url``, which is a part of it where nobody gave it another."""
    return name.replace(url, shown_url(url))


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return HIDDEN if is_telling(name) else name
    return f"{name}={HIDDEN}" if value and (is_secret_name(name) or is_telling(value)) else pair
