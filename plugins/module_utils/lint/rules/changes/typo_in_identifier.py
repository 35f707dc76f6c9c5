"""A word is new and one typing error away from a word that the live release uses, and that is now used less.

``shop.exmaple`` in one place of many, a zone, a path: what no list of words can know. A word that is changed wherever
it stands was renamed, and passes; so does one in an argument of which more is another, as a path that moved. Names that
clients send, as those of cookies and arguments, and the rows of maps cannot be renamed by the configuration alone, so
there one place is enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

from ....closest_match import is_typo, shortened
from ....config.parse import Config, Directive
from ....packages import analyzer
from ....verdicts.model import Finding
from ...findings import finding

LEVEL = "high"

_WORD = re.compile(r"[A-Za-z]{3,}")
# Lists of standard names, of which many are near to each other: ciphers, and the extensions of media types.
_STANDARD = ("ssl_ciphers", "ssl_conf_command", "ssl_ecdh_curve", "proxy_ssl_ciphers", "grpc_ssl_ciphers")
_MEDIA_TYPE = re.compile(r"[a-z]+/[\w.+-]+")
# Words of nginx's own variables are nobody's to misspell: ``nginx -t`` refuses an unknown one.
_BUILT_IN = re.compile(
    r"\$\{?(?:proxy_add_x_forwarded_for|binary_remote_addr|(?:request|document|server|remote|upstream|ssl|realip|body|"
    r"connection|content|fastcgi|gzip|proxy|query|secure|sent|time)_\w+)"
)
_ESCAPE = re.compile(r"\\[nrt]")
_OF_CLIENTS = re.compile(r"\$\{?((?:cookie|arg|http)_\w+)")


def _words(directive: Directive) -> Iterator[str]:
    """Yield the words of a directive; a variable that a client fills is one, with its dollar."""
    if directive.name in _STANDARD or _MEDIA_TYPE.fullmatch(directive.name):
        return
    # A name that is no directive is the row of a map.
    for arg in directive.args if directive.name in analyzer.DIRECTIVES else [directive.name, *directive.args]:
        yield from (f"${name}" for name in _OF_CLIENTS.findall(arg))
        text = _BUILT_IN.sub("", _ESCAPE.sub(" ", _OF_CLIENTS.sub("", arg)))
        yield from (word.lower() for word in _WORD.findall(text))


def _read(config: Config) -> list[tuple[Directive, list[str]]]:
    return [(directive, list(_words(directive))) for directive in config.walk()]


def _of_clients(config: Config, counted: Collection[str]) -> frozenset[str]:
    """Return the words that requests are compared with: what clients fill, and the rows of maps."""
    rows = [row.name for block in config.named("map") for row in block.block or []]
    words = {word.lower() for text in rows for word in _WORD.findall(text)}
    return frozenset(words | {word for word in counted if word[0] == "$"})


def _meant(before: Counter[str], now: Counter[str], of_clients: frozenset[str]) -> dict[str, str]:
    """Map each new word to the word of the live release that it is a typing error of."""
    rarer: dict[str, list[str]] = {}
    for near in sorted(before):
        for form in shortened(near) if now[near] < before[near] else ():
            rarer.setdefault(form, []).append(near)
    meant: dict[str, str] = {}
    for word in now.keys() - before.keys():
        for near in sorted({each for form in shortened(word) for each in rarer.get(form, ())}):
            lost = before[near] - now[near]
            renamed = now[near] == 0 and not (word in of_clients and near in of_clients and lost == now[word])
            # Short words are near to many others, unless they just took the place of each other.
            replaced = now[word] <= lost if min(len(near), len(word)) > 3 else now[word] == lost
            if replaced and not renamed and is_typo(word, near):
                meant.setdefault(word, near)
    return meant


def _is_all(directive: Directive, word: str, near: str, texts: Collection[str]) -> bool:
    """Return whether the word is all that differs: with the other one the live release has the same argument."""
    written = [text.lower() for text in (directive.name, *directive.args)]
    return any(word.lstrip("$") in text and _replaced(text, word, near) in texts for text in written)


def _replaced(text: str, word: str, near: str) -> str:
    return re.sub(rf"(?<![a-z]){re.escape(word.lstrip('$').lower())}(?![a-z])", near.lstrip("$").lower(), text)


def compare(config: Config, live: Config) -> Iterator[Finding]:
    """Find new words that are one typing error away from a word that has become rarer."""
    read = _read(config)
    before = Counter(word for _, words in _read(live) for word in words)
    now = Counter(word for _, words in read for word in words)
    if not now.keys() - before.keys():
        return
    texts = {text.lower() for directive in live.walk() for text in (directive.name, *directive.args)}
    meant = _meant(before, now, _of_clients(live, before) | _of_clients(config, now))
    for directive, words in read:
        for word in dict.fromkeys(words):
            if word in meant and _is_all(directive, word, meant[word], texts):
                yield finding(
                    directive,
                    f"{word} is new; did you mean {meant[word]}, as in the live release?",
                    expected=meant[word],
                    fix=f"write {meant[word]}",
                )
