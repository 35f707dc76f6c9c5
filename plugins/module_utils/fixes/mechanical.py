"""The fix of a finding that has a mechanical one: a near miss, a missing semicolon, a header to repeat, an anchor.

Nothing here judges whether a fix is right. It is one that a person would try first, and the gates say whether it fixes.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ..config.parse import Config, Directive
from ..errors import SluiceError
from ..release.store import Release
from ..tree_reader import read_inside
from ..verdicts.model import Edit, Finding, Verdict

__all__ = ["fix_of", "rule_of", "with_fixes"]

Lines = Callable[[str], Sequence[str]]
"""Returns the lines of a file of the tree; none for a file that is not there."""

_RULE = re.compile(r"\[([\w-]+)\](?:, |$)")
_MEANT = re.compile(r"did you mean (\S+?)\?|(?:^|, )write ([^\s,]+)(?=$|,)")
_SLIP = re.compile(r"(?:^|[\s:(])(\S+) is (?:one letter from (\S+),|(\S+) with a digit lost)")
_NOT_ENDED = re.compile(r'directive "(?P<name>\S+)" is not terminated by ";"|unexpected "}"')
_SWALLOWED = re.compile(r"takes the directive (\S+) as an argument")
_REPEAT = re.compile(r"repeat here what (\S+):(\d+) sets")
_LOST = re.compile(r"^(\w+) (.+) in this block as well$")
_TOKEN = re.compile(r"[^\s;{}\"']+")
_ENDED = re.compile(r"[;{}]\s*(?:#.*)?$")
_COMMENT = re.compile(r"(?<!\s)\s+#.*$")
_LIKE = 0.6
_MOST_LINES = 20


def with_fixes(verdicts: Sequence[Verdict], release: Release, config: Config) -> list[Verdict]:
    """Return verdicts whose findings have their fixes, where they have one and fail."""
    known: dict[str, Sequence[str]] = {}

    def lines(file: str) -> Sequence[str]:
        if file not in known:
            try:
                known[file] = read_inside(release.tree, file).decode().split("\n")
            except (SluiceError, OSError, UnicodeDecodeError):
                known[file] = ()
        return known[file]

    def fixed(verdict: Verdict) -> Verdict:
        if verdict.result != "fail":
            return verdict
        fixes = [() if each.warning else tuple(fix_of(each, config, lines)) for each in verdict.findings]
        pairs = zip(verdict.findings, fixes, strict=True)
        return replace(verdict, findings=[replace(each, edits=edits) for each, edits in pairs])

    return [fixed(verdict) for verdict in verdicts]


def rule_of(what: str) -> str:
    """Return the lint rule that a finding is of; nothing for one of another gate."""
    found = _RULE.search(what)
    return found[1] if found else ""


def fix_of(finding: Finding, config: Config, lines: Lines) -> list[Edit]:
    """Return the edits that fix a finding; none where no program can tell them."""
    rule = rule_of(finding.what)
    if not finding.file or finding.line < 1 or finding.line > len(lines(finding.file)):
        return []
    for way in (_headers, _semicolon, _slip, _arguments, _near_miss):
        edits = way(finding, rule, config, lines)
        if edits:
            return edits
    return []


def _edit(finding: Finding, line: int, old: str, *new: str) -> list[Edit]:
    return [Edit(finding.file, line, old, new)] if new != (old,) else []


def _slip(finding: Finding, _: str, __: Config, lines: Lines) -> list[Edit]:
    """A word that is one letter from another one, or a number with a digit lost."""
    found = _SLIP.search(finding.what)
    if not found:
        return []
    wrong, right = found[1], found[2] or found[3]
    old = lines(finding.file)[finding.line - 1]
    new, times = re.subn(rf"(?<![A-Za-z0-9]){re.escape(wrong)}(?![A-Za-z0-9])", lambda _: right, old)
    return _edit(finding, finding.line, old, new) if times == 1 else []


def _near_miss(finding: Finding, _: str, __: Config, lines: Lines) -> list[Edit]:
    """What a finding says was meant, in the place of the one word of its line that is nearly that."""
    found = _MEANT.search(finding.what) or _MEANT.search(finding.fix)
    if not found:
        return []
    right, old = found[1] or found[2], lines(finding.file)[finding.line - 1]
    code = _COMMENT.sub("", old)
    spans = dict.fromkeys(_extensions(code) if re.fullmatch(r"\.\w+", right) else _words(code))
    ratios = sorted(((_ratio(code[start:end], right), start, end) for start, end in spans), reverse=True)
    if not ratios or ratios[0][0] < _LIKE or any(code[start:end] == right for start, end in spans):
        return []
    # Two words that are as near: nobody knows which one.
    if len(ratios) > 1 and ratios[1][0] == ratios[0][0]:
        return []
    start, end = ratios[0][1:]
    return _edit(finding, finding.line, old, old[:start] + right + old[end:])


def _ratio(word: str, right: str) -> float:
    return difflib.SequenceMatcher(None, word, right, autojunk=False).ratio()


def _words(code: str) -> Iterator[tuple[int, int]]:
    """Yield where words are, and hosts within addresses."""
    for token in _TOKEN.finditer(code):
        yield token.span()
        if found := re.search(r"://(([^/:$]+)(?::\d+)?)", token[0]):
            for group in (1, 2):
                yield token.start() + found.start(group), token.start() + found.end(group)


def _extensions(code: str) -> Iterator[tuple[int, int]]:
    """Yield where ends of file names are."""
    yield from (found.span() for found in re.finditer(r"\.[A-Za-z]\w{0,6}", code))


def _semicolon(finding: Finding, rule: str, _: Config, lines: Lines) -> list[Edit]:
    """The end of the line that lacks it."""
    text, at = lines(finding.file), finding.line - 1
    if rule == "missing_semicolon" and (swallowed := _SWALLOWED.search(finding.what)):
        later = range(at + 1, min(at + 1 + _MOST_LINES, len(text)))
        next_one = next((n for n in later if text[n].split()[:1] == [swallowed[1]]), None)
        return _ended(finding, text, next_one) if next_one is not None else []
    found = _NOT_ENDED.search(finding.what) or _NOT_ENDED.search(finding.nginx)
    if not found:
        return []
    # nginx names the line where it noticed; what lacks its end is above, or on it.
    for n in range(at, max(-1, at - _MOST_LINES), -1):
        words = text[n].split()
        if found["name"] and words[:1] == [found["name"]] and not _ENDED.search(text[n]):
            return _ended(finding, text, n + 1)
        if not found["name"] and n < at and words and not words[0].startswith("#"):
            return _ended(finding, text, n + 1)
    return []


def _ended(finding: Finding, text: Sequence[str], before: int) -> list[Edit]:
    """End the last line of code before a line (counted from 0) with a semicolon."""
    for n in range(before - 1, -1, -1):
        code = text[n].strip()
        if code and not code.startswith("#"):
            if _ENDED.search(text[n]):
                return []
            comment = _COMMENT.search(text[n])
            end = comment.start() if comment else len(text[n].rstrip())
            return _edit(finding, n + 1, text[n], f"{text[n][:end]};{text[n][end:]}")
    return []


def _arguments(finding: Finding, rule: str, _: Config, lines: Lines) -> list[Edit]:
    """The arguments that an address with variables loses."""
    if rule != "proxy_pass_loses_arguments":
        return []
    old = lines(finding.file)[finding.line - 1]
    new = re.sub(r"^(\s*proxy_pass\s+[^\s;#\"']+)(;)", r"\1$is_args$args\2", old)
    return _edit(finding, finding.line, old, new)


def _headers(finding: Finding, rule: str, config: Config, lines: Lines) -> list[Edit]:
    """The headers that a block has lost, repeated in it."""
    lost, source = _LOST.match(finding.expected), _REPEAT.search(finding.fix)
    if rule != "headers_not_inherited" or not lost or not source:
        return []
    there = (source[1], int(source[2]))
    found = [_source(config, lost[1], header, there, finding) for header in lost[2].split(", ")]
    texts = [_written(each, lines) if each else "" for each in found]
    if not all(texts):
        return []
    old = lines(finding.file)[finding.line - 1]
    indent = old[: len(old) - len(old.lstrip())]
    return _edit(finding, finding.line, old, old, *(f"{indent}{text}" for text in texts))


def _source(config: Config, name: str, header: str, there: tuple[str, int], finding: Finding) -> Directive | None:
    """The directive that sets a header around the block: the one that the finding names, or the one nearest to it."""
    every = [
        each
        for each in config.walk()
        if each.name == name
        and each.args[:1]
        and each.args[0].lower() == header.lower()
        and (each.file, each.line) != (finding.file, finding.line)
    ]
    same_file = [each for each in every if each.file == there[0]]
    return min(same_file, key=lambda each: abs(each.line - there[1]), default=None)


def _written(directive: Directive, lines: Lines) -> str:
    """A directive as its file has it; nothing where it is not alone on its line."""
    text = lines(directive.file)
    line = text[directive.line - 1].strip() if 0 < directive.line <= len(text) else ""
    code = _COMMENT.sub("", line)
    alone = code.startswith(f"{directive.name} ") and code.endswith(";") and code.count(";") == 1
    return code if alone and not PurePosixPath(directive.file).is_absolute() else ""
