"""The text of a body: in the character set that an answer names, where it is one of those that pages are written in.

Python has far more codecs. Some are no character sets at all, some raise what no caller expects, and some, as UTF-16,
take a second for a MiB of what does not fit, in which nothing else runs.
"""

from __future__ import annotations

from codecs import charmap_decode

__all__ = ["decoded"]

_OTHERS = {
    "utf8": "utf-8",
    "ascii": "ascii",
    "us-ascii": "ascii",
    "latin1": "iso8859-1",
    "latin-1": "iso8859-1",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "ibm866": "cp866",
    "windows-874": "cp874",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc-jp",
    "iso-2022-jp": "iso2022-jp",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "cp950",
    "euc-kr": "cp949",
    "ks-c-5601-1987": "cp949",
}
_ISO = tuple(number for number in range(1, 17) if number != 12)
_WINDOWS = tuple(range(1250, 1259))
_CODECS = {
    "utf-8": "utf-8",
    **_OTHERS,
    **{f"iso-8859-{number}": f"iso8859-{number}" for number in _ISO},
    **{f"iso8859-{number}": f"iso8859-{number}" for number in _ISO},
    **{f"windows-{number}": f"cp{number}" for number in _WINDOWS},
    **{f"cp{number}": f"cp{number}" for number in _WINDOWS},
}
# A letter for each byte.
_SINGLE = frozenset(
    codec for codec in _CODECS.values() if codec.startswith(("cp12", "iso8859", "koi8")) or codec in ("cp866", "cp874")
)
# Longer than any name in the table.
_LONGEST_NAME = 40


def decoded(body: bytes, content_type: str) -> str:
    """Return the text of a body, in UTF-8 where ``content_type`` names no character set; what does not fit is
    replaced.
    """
    codec = _CODECS.get(_named(content_type), "utf-8")
    if codec not in _SINGLE:
        return body.decode(codec, "replace")
    return charmap_decode(body, "strict", _table(codec))[0]


# Those that were asked for.
_tables: dict[str, str] = {}


def _table(codec: str) -> str:
    """Return what each byte stands for. Python's own codecs take a second for a MiB of what does not fit."""
    if codec not in _tables:
        _tables[codec] = "".join(bytes([byte]).decode(codec, "replace") for byte in range(256))
    return _tables[codec]


def _named(content_type: str) -> str:
    """Return the character set that is named, in quotes or not, or nothing."""
    value = content_type.lower().partition("charset=")[2][:_LONGEST_NAME]
    for end in (";", "'", '"'):
        value = value.lstrip("'\"").partition(end)[0]
    return next(iter(value.split()), "").replace("_", "-")
