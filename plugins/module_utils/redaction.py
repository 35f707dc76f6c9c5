"""Lines of configurations without the values in them that are secret.

A value is secret by its name (``proxy_set_header Authorization``, ``?token=``, ``secure_link_md5``), by its form
(``Bearer …``, ``user:password@``), or as it looks made by chance. Variables, paths, names, sizes and colours stay. One
code for hosts and for the controller.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, NamedTuple, Tuple

Span = Tuple[int, int]

__all__ = ["REDACTED", "masked_path", "prepare", "redact_line", "redactions", "secret_includes"]

REDACTED = "…redacted…"

_NAMES = (
    r"authori[sz]ation|api[-_]?key|token(?!s\b)|secret|passw(?:or)?d|passwd|passphrase|(?<![a-z])pwd(?![a-z])|credential|signature"
    r"|signing[-_]?key|access[-_]?key|private[-_]?key|license[-_]?key|account[-_]?key|bearer|jwt|hmac"
)
_HARMLESS = frozenset(
    (
        *("apikey", "basic", "bearer", "digest", "jwt", "negotiate", "token"),
        *("0", "1", "always", "auto", "default", "false", "no", "none", "null", "off", "on", "true", "yes"),
        *("expires", "httponly", "lax", "max-age", "path", "permanent", "redirect", "samesite", "secure", "strict"),
    )
)
# Rows of such blocks are values of both sides, and their names are those of the block.
_TABLES = frozenset(("map", "geo", "split_clients", "map_hash"))
_ROW_WORDS = frozenset(("default", "hostnames", "include", "volatile", "proxy", "ranges", "delete"))
_PATTERNS = {
    "token": r"""(?s)"(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|\#[^\n]*|[;{}]|(?:\\.|\$\{|[^\s;{\\])+|\\""",
    "named": rf"(?i){_NAMES}",
    "query": rf"(?i)^(?:sig|key|pass|pin(?:-value)?|pw|auth|sv|code|md5|hash|x-amz-\w+)$|{_NAMES}",
    # Of what is set, and of what is asked for: names that say less, and mostly stand for a secret there.
    "set": rf"(?i){_NAMES}|auth(?!enticate)|cookie|[-_]key\b|verify\b|(?<![a-z])pass$",
    "asked": rf"(?i){_NAMES}|auth|key(?![a-z])|sig\b",
    "sets": r"^(?:set|env|\w+_(?:set_header|param|set_var)|add_(?:header|trailer)|more_set_(?:input_)?headers"
    r"|auth_(?:http_header|request_set)|(?:js|perl)_(?:var|set)|secure_link_\w+)$",
    # Their arguments are secrets, but for variables.
    "tells": r"(?i)^(?:secure_link_(?:md5|secret|hmac_\w+)|set_(?:hmac|md5|sha)\w*"
    r"|\w*(?:secret|passw(?:or)?d|passwd|passphrase|api_?key"
    r"|(?:access|signing|license|session)_key|auth_token)(?:_\w+)?)$",
    "tells_not": r"(?i)_(?:file|path|zone|size|timeout|algorithm|message|enabled?|bypass|no_cache|level|days?)$",
    "plain": r"(?i)^\w*(?:ciphers|ecdh_curve|conf_command|protocols|ciphersuites)$",
    "directive": r"^[a-z][a-z0-9_]*$",
    # What a map has for each of its clients: letters and digits, of each three.
    "key": r"(?=(?:[^0-9]*[0-9]){3})(?=(?:[^A-Za-z]*[A-Za-z]){3})[\w+=~-]{10,}",
    "variable": r"\$\{\w*\}|\$\w+",
    "blank": r"[\s,;=&|()^$~*\\?\"']+",
    "parts": r"[^\s\"'\\,;=&?|()<>\[\]{}$]+",
    "uuid": r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "host": r"^[\w.*-]*\.[a-z]{2,}(?::\d+)?$",
    "address": r"^\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]?(?:[:/]\d+)?$",
    "public": r"(?i)(?:^|[-@])sha(?:1|256|384|512)[-:]?$",
    "segment": r"[A-Za-z0-9]+",
    "turns": r"[A-Z]*[a-z]+|[A-Z]+|[0-9]+",
    "maybe": rf"(?i){_NAMES}|cookie|verify|env\s|://|[?&;]\w+=|basic\s|key|auth|secure_link|:\S{{6}}|=\s*$"
    r"|(?=[a-z]{0,7}[0-9])[a-z0-9]{8}|webhook|slack|sig\b|(?:\b|_)pass\b|set_(?:md5|sha)",
}
# What is secret wherever it stands: the groups named `v` of these, but for variables in them, or `whole`. Where a form
# has the group `name` or `query`, what is told there must be a secret's name.
_FORMS = (
    r"(?i)\w://(?P<v>[^\s/@\"'$]+)@",
    r"[?&;](?:amp;)?(?P<query>[\w.-]{1,99})=(?P<v>[^&\s\"';#$(){}]+)",
    r"(?i)\b(?:bearer|digest|negotiate|apikey|token)\s+(?P<v>(?=[^\s\"';]*[0-9A-Z=])[\w+/=.~-]{6,})",
    r"\b[Bb]asic\s+(?P<v>(?=[^\s\"';]*(?:[0-9]|=\W))[A-Za-z0-9+/_-]{4,}={0,2}(?![\w=]))",
    r"(?<![\w-])(?P<v>eyJ[\w-]{6,}(?:\.[\w-]*){1,4})",
    r"\b(?P<v>(?:AKIA|ASIA)[0-9A-Z]{12,}|gh[pousr]_\w{16,}|github_pat_\w+|glpat-[\w-]{16,}|xox[a-z]-[\w-]+"
    r"|[sr]k_(?:live|test)_\w+|AIza[\w-]{20,}|AGE-SECRET-KEY-\w+|npm_\w{20,}|SG\.[\w-]+\.[\w-]+)",
    r"(?i)hooks\.slack\.com/\w+/(?P<v>[\w/-]+)",
    r"(?i)/api/webhooks/(?P<v>[\w/-]+)",
    r"/bot(?P<v>\d+:[\w-]+)",
    # As of `key = value`, YAML and JSON. What is told of a host and its port is none.
    r"(?<![/\w.@$-])[\"']?(?P<name>[\w.-]{1,99})(?:\\?[\"'])?\]?(?:\s*[=~!]?==?>?\s*|\s*:\s+|\s*:\s*(?=\\?[\"']))"
    r"(?P<v>\\\"[^\"\\]*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|(?:(?i:bearer|basic|token|digest)\s+)?[^\s\"',;$(){}]+)",
    # As scripts set headers.
    r"[\"'](?P<name>[\w-]{1,99})[\"']\s*,\s*(?P<v>\"[^\"\n]*\"|'[^'\n]*')",
    r"(?i)[.:]auth\s*\(\s*(?P<v>\"[^\"\n]*\"|'[^'\n]*')",
    # A row of htpasswd.
    r"(?m)^[-+]?[ \t]*[^\s:#]+:(?P<whole>(?:\$[\w-]+\$|\{[\w.-]+\})\S+|_[./0-9A-Za-z]{19}$|[./0-9A-Za-z]{13}(?=$|:))",
    # The end of a key that is written as text.
    r"(?m)^[-+ ]?(?P<v>[A-Za-z0-9+/]{6,}={1,2})\s*$",
)


_LEAST_CODE = 20
_TOLD = (("name", "named"), ("query", "query"))


class _Word(NamedTuple):
    start: int
    end: int
    text: str


# Compiled when the first line asks for them: most operations on a host need none of them.
_compiled: dict[str, Any] = {}
_forms: list[Any] = []


def prepare() -> None:
    """Compile the rules now: a process that forks does it once for all its forks."""
    _tools()


def _tools() -> dict[str, Any]:
    if not _compiled:
        import re

        _forms.extend(re.compile(form) for form in _FORMS)
        _compiled.update({name: re.compile(pattern) for name, pattern in _PATTERNS.items()})
    return _compiled


def redact_line(line: str) -> str:
    """Return a line of a configuration, or of a diff of one, with ``…redacted…`` in the place of what is secret."""
    if not _tools()["maybe"].search(line):
        return line
    # What a diff writes in front is no part of the first word.
    shift = 1 if line[:1] in ("+", "-") else 0
    return line[:shift] + _shown(line[shift:], _spans(line[shift:]))


def masked_path(path: str) -> str:
    """Return a path that a visitor asked for with ``x`` in the place of codes and addresses of mail, as in a link that
    resets a password. Names of files stay, though made of digests.
    """
    return "/".join("x" * len(part) if _is_of_one(part) else part for part in path.split("/"))


def _is_of_one(part: str) -> bool:
    if "@" in part or "%40" in part or part[:3] == "eyJ":
        return True
    return "." not in part and _is_random(part, _LEAST_CODE)


def redactions(text: str) -> dict[str, str]:
    """Return how the lines of a file are shown that hold what is secret, by their own text: a directive may begin on
    another line than its value, and a row of a ``map`` is secret by the map's variables.
    """
    spans = sorted(_spans(text))
    found: dict[str, str] = {}
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        bare = line.rstrip("\r\n")
        own = [(max(a, start) - start, min(b, start + len(bare)) - start) for a, b in spans if a < end and b > start]
        shown = redact_line(_shown(bare, own))
        if shown != bare:
            found[bare] = shown
        while spans and spans[0][1] <= end:
            spans.pop(0)
        start = end
    return found


def _shown(text: str, spans: list[Span]) -> str:
    shown, at = [], 0
    for start, end in sorted(spans):
        if start >= at and end > start:
            shown += [text[at:start], REDACTED]
        at = max(at, end)
    return "".join([*shown, text[at:]])


def _spans(text: str) -> list[Span]:
    """Find what is secret in a text, by the places where it begins and ends."""
    found: list[Span] = []
    tools = _tools()
    for form in _forms:
        for match in form.finditer(text):
            groups = match.groupdict()
            if "whole" in groups:
                found.append(match.span("whole"))
            elif all(tools[kind].search(groups[group]) for group, kind in _TOLD if group in groups):
                found += _covered(_Word(match.start("v"), match.end("v"), match["v"]))
    for words, block in _statements(text):
        if words and words[0].text[0] == "#":
            # What is commented out is as secret.
            found += [(a + words[0].start, b + words[0].start) for a, b in _spans(words[0].text.replace("#", " "))]
        else:
            found += _statement(words, block)
    return found


def _statements(text: str) -> Iterator[tuple[list[_Word], list[_Word]]]:
    """Yield each statement, with the words before the block that it stands in; a comment is one of its own."""
    words: list[_Word] = []
    blocks: list[list[_Word]] = []
    for match in _tools()["token"].finditer(text):
        token = match[0]
        word = _Word(match.start(), match.end(), token)
        if token[0] == "#":
            yield [word], []
        elif token in (";", "{", "}"):
            yield words, blocks[-1] if blocks else []
            if token == "{":
                blocks.append(words)
            elif token == "}" and blocks:
                blocks.pop()
            words = []
        else:
            words.append(word)
    yield words, blocks[-1] if blocks else []


def secret_includes(text: str) -> list[str]:
    """Return what is included as rows of a ``map`` or the like whose values or keys are secret."""
    if "include" not in text or not any(name in text for name in _TABLES):
        return []
    return [
        _bare(words[1])
        for words, block in _statements(text)
        if len(words) > 1 and _bare(words[0]) == "include" and any(_secret_sides(block))
    ]


def _secret_sides(block: list[_Word]) -> tuple[bool, bool]:
    """Return whether the keys are secret in a block with these words before it, and whether the values are."""
    if not block or _bare(block[0]) not in _TABLES or len(block) < 2:
        return False, False
    tools = _tools()
    asked = len(block) > 2 and tools["asked"].search(block[1].text)
    return bool(asked), bool(tools["named"].search(block[-1].text))


def _statement(words: list[_Word], block: list[_Word]) -> Iterator[Span]:
    """Yield the secret spans of a directive: those of a table's row, those of its name, and words made by chance."""
    if not words:
        return
    name = _bare(words[0])
    table = bool(block) and _bare(block[0]) in _TABLES
    keys, values = _secret_sides(block)
    if keys and name not in _ROW_WORDS:
        yield from _covered(words[0])
    if values and name != "include":
        yield from _all_covered(words[1:])
    yield from _by_name(name, words)
    if not _tools()["plain"].match(name):
        yield from _by_chance(name, words, table)


def _by_name(name: str, words: list[_Word]) -> Iterator[Span]:
    """Yield what is secret by the name of a directive, or of what it sets."""
    tools = _tools()
    asked, variable = tools["asked"], tools["variable"]
    if name == "if" and any(asked.search(word.text) for word in words[1:] if variable.search(word.text)):
        yield from _all_covered([word for word in words[1:] if not variable.search(word.text)])
    elif tools["tells"].match(name) and not tools["tells_not"].search(name):
        yield from _all_covered(words[1:])
    elif len(words) > 2 and tools["sets"].match(name) and tools["set"].search(words[1].text):
        yield from _all_covered(words[2:])
    elif name == "env" or name.startswith("more_set_"):
        # Name and value are one word.
        for word in words[1:]:
            head, sign, value = word.text.partition("=" if name == "env" else ":")
            if sign and tools["set"].search(head):
                yield from _covered(_Word(word.end - len(value), word.end, value))


def _by_chance(name: str, words: list[_Word], table: bool) -> Iterator[Span]:
    """Yield what looks as if chance had made it; shorter words count in conditions and in rows of a table."""
    tools = _tools()
    row = table or not tools["directive"].match(name)
    if row and tools["key"].fullmatch(name):
        yield from _covered(words[0])
    lenient = name == "if" or row
    for place, word in enumerate(words):
        least = 8 if lenient and (place == 0 or name == "if" or table) else 20
        for part in tools["parts"].finditer(word.text):
            if _is_random(part[0], least):
                yield word.start + part.start(), word.start + part.end()


def _all_covered(words: Iterable[_Word]) -> Iterator[Span]:
    for word in words:
        yield from _covered(word)


def _bare(word: _Word) -> str:
    return word.text.strip("\"'")


def _covered(word: _Word) -> Iterator[Span]:
    """Yield what of a value is no variable, no scheme as ``Bearer``, and no sign around it."""
    tools = _tools()
    at, text = word.start, word.text
    ends = [match.span() for match in tools["variable"].finditer(text)]
    for start, end in zip([0, *(b for _, b in ends)], [*(a for a, _ in ends), len(text)]):
        pieces = []
        place = start
        for blank in [*tools["blank"].finditer(text, start, end), None]:
            stop = blank.start() if blank else end
            piece = text[place:stop]
            if any(map(str.isalnum, piece)) and piece.lower() not in _HARMLESS and piece != REDACTED:
                pieces.append((place, stop))
            place = blank.end() if blank else end
        if pieces:
            yield at + pieces[0][0], at + pieces[-1][1]


def _is_random(word: str, least: int) -> bool:
    """Return whether so many letters of a word look as if chance had made them."""
    tools = _tools()
    if tools["uuid"].fullmatch(word):
        return True
    if len(word) < least or tools["host"].match(word) or tools["address"].match(word):
        return False
    total = random = 0
    before = ""
    for segment in tools["segment"].finditer(word):
        part = segment[0]
        total += len(part)
        turns = len(tools["turns"].findall(part)) - 1
        if len(part) >= 8 and turns >= max(4, len(part) / 5) and any(map(str.isdigit, part)):
            if tools["public"].search(before):
                return False
            random += len(part)
        before = word[: segment.end() + 1]
    # Paths have names of files that are made of digests; what is written in base64 has a slash here and there.
    return random >= least and (
        "/" not in word or (word[0] not in "/." and "://" not in word and random > 0.75 * total)
    )
