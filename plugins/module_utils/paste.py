"""YAML and commands for people to paste. Text of others in them is data: neither Ansible nor a shell obeys it."""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .packages import yaml
from .untrusted import printable

__all__ = ["command", "comment", "flow", "inert_url", "quoted", "to_yaml", "variable"]

# A text that begins so says to Ansible with which signs its templates are written.
_HEADER = "#jinja2:"
_WORD = re.compile(r"[A-Za-z0-9._/:@,+-]+")
_SIMPLE = re.compile(r"[\w ./:@*$+,;=~-]*")
_ESCAPED = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Besides letters and digits; what Ansible or a shell would read is encoded.
_IN_PATH, _IN_QUERY = "/-._~%:@=+,;", "/-._~%:@=+,;&"


class _Inert(str):
    """A text that Ansible could take for a template."""


@functools.cache
def _dumper() -> type[yaml.SafeDumper]:
    class Dumper(yaml.SafeDumper):
        """Writes such texts with the tag ``!unsafe``, which Ansible's loader reads as data."""

    Dumper.add_representer(_Inert, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="'"))
    return Dumper


def to_yaml(value: object, *, flow_style: bool | None = False) -> str:
    """Return plain data as YAML; keys keep their order. With ``flow_style`` None the innermost ones stand in a line."""
    return _dumped(_inert(value), flow_style, 1000)


def _dumped(value: object, flow_style: bool | None, width: int) -> str:
    style: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": width}
    return str(yaml.dump(value, Dumper=_dumper(), default_flow_style=flow_style, **style))


def flow(value: object) -> str:
    """Return plain data as YAML in one line, to stand in a sentence; a line end in it is an escape."""
    return _dumped(_inert(value, ""), True, 1 << 30).removesuffix("...\n").strip()


def quoted(text: str) -> str:
    """Return a text in quotes, to stand in a list within a sentence."""
    return f'"{text}"' if _SIMPLE.fullmatch(text) else flow([text])[1:-1]


def command(words: Sequence[str]) -> str:
    """Return a command in one line, as a shell reads it."""
    return shlex.join(printable(word) for word in words)


def variable(name: str, value: str) -> str:
    """Return a variable as ``-e`` of Ansible's commands reads it; a value that is no plain word is in JSON."""
    return f"{name}={value}" if _WORD.fullmatch(value) else json.dumps({name: value}, ensure_ascii=False)


def comment(text: str) -> str:
    """Return a comment, which ends where its line does."""
    return f"# {printable(text)}"


def inert_url(url: str) -> str:
    """Return a URL, or a path with its query, in which all is percent-encoded that is not needed as it is.

    What is encoded already stays so, and a ``%`` that encodes nothing becomes ``%25``.
    """
    text = _ESCAPED.sub("%25", url)
    scheme, mark, rest = text.partition("://")
    if not mark or not scheme.isalpha():
        return _encoded(text)
    authority, slash, target = rest.partition("/")
    if "?" in authority:
        return inert_url(f"{scheme}://{rest.replace('?', '/?', 1)}")
    return f"{scheme}://{quote(authority, safe='-._~:[]%')}{slash}{_encoded(target)}"


def _encoded(target: str) -> str:
    path, mark, query = target.partition("?")
    return quote(path, safe=_IN_PATH, errors="replace") + mark + quote(query, safe=_IN_QUERY, errors="replace")


def _inert(value: Any, keep: str = "\n\t") -> Any:
    if isinstance(value, str):
        text = printable(value, keep)
        return _Inert(text) if "{" in text or "}" in text or text.startswith(_HEADER) else text
    if isinstance(value, Mapping):
        return {_inert(key, keep): _inert(each, keep) for key, each in value.items()}
    return [_inert(each, keep) for each in value] if isinstance(value, (list, tuple)) else value
