"""Edits that look like a slip of the finger: a word that is nearly another one, a lost variable, a doubled part."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from ..closest_match import is_typo
from ..config.parse import Config, Directive
from .changes import DirectiveChange
from .comments import Comments
from .units import slip

__all__ = ["Slips"]

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_VARIABLE = re.compile(r"\$\{?\w+\}?")
_JOINED = re.compile(r"[/&?=.-]*\$\{?\w+\}?")
_NUMBER = re.compile(r"(?<![\d.])\d{3,}(?![\d.])")
_GROUP = re.compile(r"(?<!\\)\((?!\?[:=!>])")
# Shorter words are one letter away from too many others.
_SHORTEST = 3
# What programs know, however near it is to another word.
_OF_PROGRAMS = ("HTTPS",)
# Each edited line is held against those beside it.
_MOST_BESIDE = 200
# What a redirect does not name is gone; other directives hand it on by themselves.
_LEADS = ("return", "rewrite", "error_page")
# What carries a request's query or its path on.
_CARRY = frozenset({"$args", "$query_string", "$is_args", "$request_uri"})
_OF_TESTS = frozenset({"test", "testing", "staging", "stage", "dev", "develop", "local", "localhost", "sandbox"})
_IN_NAMES = re.compile(r"[a-z0-9]+", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*", re.IGNORECASE)
# A path, a URL, or a host with its port.
_TARGET = re.compile(r"^(?:/|https?:)|:\d+$")
_SCHEME = re.compile(r"^\w+://")
_ADDRESSED = ("allow", "deny", "set_real_ip_from")
# Members of a list, which may stand in any order.
_IN_ANY_ORDER = (*_ADDRESSED, "server")
_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_FILLED = ("alias", "root", "proxy_pass")
_WITHIN, _OUTSIDE = ("last", "break"), ("redirect", "permanent")
_SIGNS = "?*+\\"


class Slips:
    """Tells slips by the words of the two configurations, and by what else was edited in the same block."""

    def __init__(
        self, live: Config, candidate: Config, changed: Sequence[DirectiveChange], comments: Comments | None = None
    ) -> None:
        self._comments = comments
        self._before = _counted(live)
        self._now = _counted(candidate)
        self._passed = [_passed_to(config) for config in (live, candidate)]
        self._defined = {each.args[0] for each in candidate.named("upstream") if each.args}
        self._looked_like: dict[tuple[DirectiveChange, bool], str] = {}
        self._beside: dict[int, list[DirectiveChange]] = {}
        self._made = _made_of(candidate)
        for change in changed:
            self._beside.setdefault(id(change.blocks[1]), []).append(change)

    def slip(self, change: DirectiveChange, *, shown: bool = True) -> str:
        """Return what an edited line looks like, as a sentence's end; empty where it looks meant.

        ``shown`` says that a request shows the edit.
        """
        if change.new is None:
            return ""
        # An edit is behind thousands of differences.
        key = (change, shown)
        if key not in self._looked_like:
            self._looked_like[key] = next(filter(None, self._found(change, change.new, shown)), "")
        return self._looked_like[key]

    def _lost(self, old: Sequence[str], new: Sequence[str]) -> str:
        """Return words where the only thing that went from a line is a variable that hands something on."""
        for before, after in zip(old, new, strict=False):
            names = [each for each in _lacking(before, after) if _plain(each) in _CARRY]
            if names and _bare(before) == _bare(after) and not self._within(after).issuperset(map(_plain, names)):
                return f"{' and '.join(dict.fromkeys(names))} was lost, and nothing else of the line changed"
        return ""

    def _within(self, text: str) -> set[str]:
        """Return the variables in a text, and those that these are made of."""
        found, waiting = set[str](), _named(text)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._made.get(name, ())
        return found

    def _found(self, change: DirectiveChange, new: Directive, shown: bool) -> Iterator[str]:
        # The name of an entry of a map is its key.
        yield _repeated(change)
        yield _fixed(change)
        before = [change.old.name, *change.old.args] if change.old else []
        after = [new.name, *new.args]
        yield self._misspelt(after, before or self._gone(change))
        if change.old is None:
            return
        if change.name in _LEADS:
            yield self._lost(change.old.args, new.args)
            yield _schemeless(change.old.args, new.args)
        yield self._dead(change)
        yield _misaddressed(change.old, new)
        yield _ungrouped(change.old.args, new.args)
        yield self._unfilled(change)
        yield _exchanged(change.old.args, new.args)
        yield self._crossed(change)
        yield self._deserted(change.old, new)
        # Whoever writes beside a line what it is for means its slash, its flag.
        told = self._comments is not None and self._comments.changed(change)
        yield "" if told else _flagged(change.old, new)
        yield _unmethodical(change.old, new)
        yield _keyless(change.old, new)
        yield _doubled(before, after)
        yield _of_tests(before, after, _own_names(change))
        yield _unsigned(change.old, new)
        if shown and not told and not _is_of_everything(change.blocks[1]):
            yield _slashed(change.old, new)
        yield slip(change.name, change.old.args, new.args)

    def _others(self, change: DirectiveChange) -> Sequence[DirectiveChange]:
        """What else was edited in the same block; nothing where that is more than a person writes."""
        found = self._beside.get(id(change.blocks[1]), [])
        return found if len(found) <= _MOST_BESIDE else []

    def _gone(self, change: DirectiveChange) -> list[str]:
        """What stood in the lines that are gone from the same block."""
        gone = [each.old for each in self._others(change) if each.old and not each.new]
        return [word for line in gone for word in (line.name, *line.args)]

    def _misspelt(self, new: Sequence[str], old: Sequence[str]) -> str:
        """A word or number that is nowhere else, one typing error from one of the line before."""
        now, before = _words(new), _words(old)
        gone = [each for each in before if each not in now]
        for word in now:
            if word in _OF_PROGRAMS or len(word) < _SHORTEST:
                continue
            if word not in self._before and self._now[word] <= 1:
                near = next((each for each in gone if _is_slip(word, each)), "")
                if near:
                    return f"{word} is one letter from {near}, and stands nowhere else"
        numbers, were = _numbers(new), _numbers(old)
        for number in numbers:
            near = next((each for each in were if each not in numbers and _is_mistyped(number, each)), "")
            if near and number not in were:
                return f"{number} is {near} with a digit lost, doubled or swapped"
        return ""

    def _unfilled(self, change: DirectiveChange) -> str:
        """Return words where a folder or upstream lost a group that its location still catches, and nothing else."""
        block = change.blocks[1]
        if change.name not in _FILLED or block is None or block.name != "location" or not block.args[0].startswith("~"):
            return ""
        # What a rewrite puts together needs no group there.
        if change.old is None or change.new is None or any(each.name == "rewrite" for each in block.block or []):
            return ""
        pattern = block.args[-1:]
        return _ungrouped([*pattern, *change.old.args[:1]], [*pattern, *change.new.args[:1]])

    def _dead(self, change: DirectiveChange) -> str:
        """Return words where a line came to stand before others of its list, which are not read any more then."""
        block = change.blocks[1]
        if change.name not in ("allow", "deny") or block is None:
            return ""
        rules = [each for each in block.block or [] if each.name in ("allow", "deny")]
        last = next((at for at, each in enumerate(rules) if each.args == ["all"]), len(rules))
        return f"what stands after {rules[last].text} is never read" if rules[last + 1 :] else ""

    def _crossed(self, change: DirectiveChange) -> str:
        """Return words where two lines of a block have exchanged their targets."""
        if not _keeps_key(change) or change.old is None or change.new is None or change.name in _IN_ANY_ORDER:
            return ""
        was, is_now = change.old.args[-1], change.new.args[-1]
        if not _TARGET.search(is_now):
            return ""
        for other in self._others(change):
            if other is change or other.old is None or other.new is None or not _keeps_key(other):
                continue
            if (other.old.args[-1], other.new.args[-1]) == (is_now, was):
                return f"{was} and {is_now} have changed places"
        return ""

    def _deserted(self, old: Directive, new: Directive) -> str:
        """Return words where a place was given the upstream of its neighbours, and its own one, still defined, has none
        now.
        """
        if not new.name.endswith("_pass") or not old.args or not new.args:
            return ""
        (was,), (is_now,) = (_groups([each.args[0]]) for each in (old, new))
        before, after = self._passed
        if was == is_now or was not in self._defined or after[was] or not before[is_now]:
            return ""
        return f"{is_now} has other places already, and {was}, which is still defined, has none now"


def _passed_to(config: Config) -> Counter[str]:
    """How many places pass requests to each upstream."""
    return Counter(_groups([each.args[0] for each in config.walk() if each.name.endswith("_pass") and each.args]))


def _groups(targets: Sequence[str]) -> list[str]:
    """The names of upstreams in targets: without scheme and path."""
    return [_SCHEME.sub("", each).partition("/")[0] for each in targets]


def _flagged(old: Directive, new: Directive) -> str:
    """Return words where only the flag of a rewrite changed, and what happened within nginx is told to the visitor, or
    goes on.
    """
    if new.name != "rewrite" or len(old.args) < 3 or len(new.args) < 3 or old.args[:2] != new.args[:2]:
        return ""
    was, is_now = old.args[2], new.args[2]
    if was in _WITHIN and is_now in _OUTSIDE and "$" in new.args[1]:
        return f"{was} became {is_now}, and nothing else: the path within nginx is told to visitors"
    if (was, is_now) == ("break", "last"):
        return "break became last, and nothing else: another location answers for the new path"
    return ""


def _unmethodical(old: Directive, new: Directive) -> str:
    """Return words where a redirect that keeps the method became one that does not, to the same target."""
    if new.name != "return" or old.args[1:] != new.args[1:] or len(new.args) < 2:
        return ""
    loses = old.args[0] in ("307", "308") and new.args[0] in ("301", "302", "303")
    return f"with {new.args[0]} instead of {old.args[0]} a POST becomes a GET" if loses else ""


def _keyless(old: Directive, new: Directive) -> str:
    """Return words where a map looks up the path alone now, and has keys with a query."""
    if new.name != "map" or new.args[:1] not in (["$uri"], ["$document_uri"]) or old.args[:1] == new.args[:1]:
        return ""
    key = next((each.name for each in new.block or [] if "?" in each.name and not each.name.startswith("~")), "")
    return f"{new.args[0]} has no query, so the key {key} is never found" if key else ""


def _keeps_key(change: DirectiveChange) -> bool:
    """Return whether only the last word of a line is another."""
    if change.old is None or change.new is None or not change.new.args:
        return False
    return change.old.name == change.new.name and change.old.args[:-1] == change.new.args[:-1]


def _is_slip(word: str, meant: str) -> bool:
    """Return whether one typing error leads from a word to another; a plural is none, and neither is another case."""
    if word.lower() == meant.lower() or word in (f"{meant}s", f"{meant}es") or meant in (f"{word}s", f"{word}es"):
        return False
    doubled = len(word) == len(meant) + 1 and any(
        word[:at] + word[at + 1 :] == meant and word[at - 1 : at] == word[at] for at in range(1, len(word))
    )
    swapped = len(word) == len(meant) and any(
        word == meant[:at] + meant[at + 1] + meant[at] + meant[at + 2 :] for at in range(len(meant) - 1)
    )
    return doubled or swapped or (min(len(word), len(meant)) > _SHORTEST and is_typo(word, meant))


def _is_mistyped(number: str, meant: str) -> bool:
    """Return whether two neighbouring digits were swapped, or one was lost or doubled inside; a zero at the end is
    a wish.
    """
    if len(number) == len(meant):
        differ = [at for at in range(len(number)) if number[at] != meant[at]]
        if len(differ) != 2 or differ[1] != differ[0] + 1:
            return False
        first, second = differ
        return number[first] == meant[second] and number[second] == meant[first]
    short, long = sorted((number, meant), key=len)
    return (
        len(long) == len(short) + 1
        and not long.startswith(short)
        and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
    )


def _made_of(config: Config) -> dict[str, set[str]]:
    """Map each variable to those that ``set`` and the values of ``map`` make it of."""
    found: dict[str, set[str]] = {}
    for each in config.named("map", "set"):
        values = [row.args[0] for row in each.block or [] if row.args] if each.name == "map" else each.args[1:2]
        if len(each.args) > 1:
            name = each.args[1] if each.name == "map" else each.args[0]
            found.setdefault(name, set()).update(word for value in values for word in _named(value))
    return found


def _named(text: str) -> list[str]:
    return [_plain(each) for each in _VARIABLE.findall(text)]


def _plain(variable: str) -> str:
    """Return ``$name`` of ``${name}``."""
    return f"${variable.strip('${}')}"


def _lacking(before: str, after: str) -> list[str]:
    now = _VARIABLE.findall(after)
    return [each for each in _VARIABLE.findall(before) if each not in now]


def _ungrouped(old: Sequence[str], new: Sequence[str]) -> str:
    """Return words where a target does not name a group any more that the pattern before it still catches."""
    if len(old) < 2 or len(new) < 2 or len(_GROUP.findall(new[0])) < len(_GROUP.findall(old[0])):
        return ""
    numbers = [each for each in _lacking(old[1], new[1]) if each.strip("${}").isdigit()]
    numbers = [each for each in numbers if int(each.strip("${}")) <= len(_GROUP.findall(new[0]))]
    same = _bare(old[1]) == _bare(new[1])
    return f"{numbers[0]} was lost, and the pattern still catches it" if numbers and same else ""


def _bare(text: str) -> str:
    """A target without its variables and what joins them to the rest."""
    return _JOINED.sub("", text)


def _schemeless(old: Sequence[str], new: Sequence[str]) -> str:
    """Return words where a target lost its scheme, so that its host becomes a path."""
    for before, after in zip(old, new, strict=False):
        scheme = next((each for each in ("https://", "http://") if before == f"{each}{after}"), "")
        if scheme:
            return f"{scheme} was lost, and the host becomes a path"
    return ""


def _exchanged(old: Sequence[str], new: Sequence[str]) -> str:
    """Return words where the variables of a line have changed places, and nothing else did."""
    for before, after in zip(old, new, strict=False):
        first, second = _VARIABLE.findall(before), _VARIABLE.findall(after)
        if (
            first != second
            and sorted(first) == sorted(second)
            and _VARIABLE.sub("$", before) == _VARIABLE.sub("$", after)
        ):
            moved = next((one, other) for one, other in zip(first, second, strict=True) if one != other)
            return f"{' and '.join(moved)} have changed places"
    return ""


def _doubled(old: Sequence[str], new: Sequence[str]) -> str:
    """Return words where a part of a path stands twice in a row that stood there once."""
    for word in new:
        for first, second in itertools.pairwise(word.split("/")):
            twice = f"/{first}/{second}"
            if first and first == second and _WORD.search(first) and not any(twice in each for each in old):
                return f"{first} stands twice in a row"
    return ""


def _own_names(change: DirectiveChange) -> set[str]:
    """What the server of a line is called now: where that is another name, its lines follow."""
    block = change.blocks[1]
    return {name for each in block.children("server_name") for name in each.args} if block is not None else set()


def _of_tests(old: Sequence[str], new: Sequence[str], own: Collection[str] = ()) -> str:
    """Return words where a host of a test environment stands where one stood that is none; a server's ``own`` names
    are no place that it leads to.
    """
    before = [host for each in old for host in _HOST.findall(each)]
    if not before or any(_OF_TESTS & set(_IN_NAMES.findall(host.lower())) for host in before):
        return ""
    hosts = [host for each in new for host in _HOST.findall(each) if host not in before and host not in own]
    found = next((host for host in hosts if _OF_TESTS & set(_IN_NAMES.findall(host.lower()))), "")
    return f"{found} is the name of a test environment, and {before[0]} was none" if found else ""


def _unsigned(old: Directive, new: Directive) -> str:
    """Return words where a regex lost one sign, and nothing else of the line changed."""
    for before, after in zip(old.args, new.args, strict=False):
        if len(before) == len(after) + 1 and (new.name in ("rewrite", "if") or new.args[0].startswith("~")):
            at = next((at for at in range(len(after)) if before[at] != after[at]), len(after))
            if before[at] in _SIGNS and before[:at] + before[at + 1 :] == after:
                return f"the regex lost {before[at]}"
    return ""


def _repeated(change: DirectiveChange) -> str:
    """Return words where a ``root`` ends with the path of its location, which nginx adds once more."""
    new = change.new
    inside = [(new, each) for each in new.children("root")] if new and new.name == "location" else []
    around = change.blocks[1]
    if new and new.name == "root" and around is not None and around.name == "location":
        inside.append((around, new))
    for location, root in inside:
        path = location.args[-1].strip("/")
        regex = location.args[0].startswith("~")
        if path and root.args and not regex and f"{root.args[0].rstrip('/')}/".endswith(f"/{path}/"):
            return f"nginx adds /{path} to root once more; alias was meant"
    return ""


def _fixed(change: DirectiveChange) -> str:
    """Return words where an upstream became a variable while its path stayed: nginx then sends that path as it is."""
    old, new = change.old, change.new
    if old is None or new is None or new.name != "proxy_pass" or not old.args or not new.args:
        return ""
    host, _, path = new.args[0].partition("://")[2].partition("/")
    is_fixed = "$" in host and "$" not in path and "/" in new.args[0].partition("://")[2]
    return (
        "with a variable nginx sends this path as it is, for every request"
        if is_fixed and "$" not in old.args[0]
        else ""
    )


def _is_of_everything(block: Directive | None) -> bool:
    """Return whether a block is the location of all paths: a slash cuts nothing off it."""
    return block is not None and block.name == "location" and block.args == ["/"]


def _slashed(old: Directive, new: Directive) -> str:
    """Return words where only a slash came or went after an upstream: it decides over the whole path."""
    if not new.name.endswith("_pass") or not old.args or not new.args:
        return ""
    first, second = sorted((old.args[0], new.args[0]), key=len)
    is_root = first.count("/") == 2
    return "a slash after the upstream cuts the location off the path" if is_root and second == f"{first}/" else ""


def _misaddressed(old: Directive, new: Directive) -> str:
    """Return which address of a rule is another one with a digit lost, doubled or swapped in one of its four numbers.

    Machines that requests are passed to are numbered one after the other, so there it says nothing.
    """
    if new.name not in _ADDRESSED:
        return ""
    now, were = _addresses(new.args), _addresses(old.args)
    for address in now:
        for before in were:
            differ = [(a, b) for a, b in zip(address.split("."), before.split("."), strict=True) if a != b]
            if len(differ) == 1 and _is_mistyped(*differ[0]):
                return f"{address} is {before} with a digit lost, doubled or swapped"
    return ""


def _addresses(args: Sequence[str]) -> list[str]:
    return [found for each in args for found in _ADDRESS.findall(each)]


def _numbers(args: Sequence[str]) -> list[str]:
    return [number for each in args for number in _NUMBER.findall(_VARIABLE.sub(" ", each))]


def _words(args: Sequence[str]) -> list[str]:
    return [word for each in args for word in _WORD.findall(_VARIABLE.sub(" ", each))]


def _counted(config: Config) -> Counter[str]:
    """How often each word stands in a configuration, outside of names of directives."""
    found: Counter[str] = Counter()
    for directive in config.walk():
        found.update(_words(directive.args))
        # A key of a map is read as the name of a directive.
        if not directive.name.islower() or not directive.name.replace("_", "").isalnum():
            found.update(_words([directive.name]))
    return found
