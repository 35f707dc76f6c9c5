"""Renders the templates of a tree that nobody has declared trusted: whoever may change the tree may not run code here.

A template sees the variables that it names, in plain text, and filters that only compute. It gets no lookup, no
attribute of Python, nothing of the environment or of the file system, and only the templates of its own tree.
"""

from __future__ import annotations

import contextlib
import functools
import re
import resource
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import jinja2
import jinja2.meta as meta
from ansible.plugins.loader import filter_loader, test_loader
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.tree_reader import read_inside

__all__ = ["FILTERS", "REFUSED_FILTERS", "REFUSED_TESTS", "TESTS", "is_refused_variable", "sandboxed"]

_INSTEAD = "give the template a variable that has the value, or set nginx_tree_trusted: true where only you change it"
# Seconds, and bytes beyond what the process has; a template takes milliseconds and its text.
_MOST_SECONDS = 30.0
_MOST_MEMORY = 1 << 30
_MOST_TEXT = 16 << 20
# Of a hash of a password: of bcrypt each more doubles the time.
_MOST_ROUNDS, _MOST_COST = 1_000_000, 14

FILTERS = (
    *("b64decode", "b64encode", "basename", "bool", "checksum", "combinations", "combine", "comment", "commonpath"),
    *("dict2items", "difference", "dirname", "flatten", "from_json", "from_yaml", "from_yaml_all", "hash"),
    *("human_readable", "human_to_bytes", "intersect", "items2dict", "log", "mandatory", "md5", "normpath"),
    *("password_hash", "path_join", "permutations", "pow", "product", "quote", "regex_escape", "regex_findall"),
    *("regex_replace", "regex_search", "rekey_on_member", "root", "sha1", "split", "splitext", "strftime"),
    *("subelements", "symmetric_difference", "ternary", "to_datetime", "to_json", "to_nice_json", "to_nice_yaml"),
    *("to_uuid", "to_yaml", "type_debug", "union", "unique", "urldecode", "urlsplit", "zip", "zip_longest"),
    *("win_basename", "win_dirname", "win_splitdrive", "random", "shuffle", "extract"),
)
"""Of Ansible's filters those that only compute. Jinja's own are there as well."""
REFUSED_FILTERS = ("expanduser", "expandvars", "fileglob", "realpath", "relpath", "unvault", "vault")
"""They read the environment, the file system or a vault of the controller."""
TESTS = (
    *("all", "any", "contains", "falsy", "isnan", "issubset", "issuperset", "match", "nan", "regex", "search"),
    *("subset", "superset", "truthy", "uri", "url", "urn", "version", "version_compare", "abs", "is_abs"),
)
REFUSED_TESTS = (
    *("directory", "exists", "file", "is_dir", "is_file", "is_link", "is_mount", "is_same_file", "link"),
    *("link_exists", "mount", "same_file", "vault_encrypted", "vaulted_file"),
)


# What opens hosts, and what people are told by.
_REFUSED_VARIABLE = re.compile(
    r"ansible_\w*(?:pass|secret|token|private_key)\w*|notify_(?:team|customers)|monitor_(?:receivers|routes)"
)


def is_refused_variable(name: str) -> bool:
    """Return whether a variable is for Ansible and the roles alone: a tree would have it served to visitors."""
    return _REFUSED_VARIABLE.fullmatch(name) is not None


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Refuse what would compute for hours: memory is bounded, but one operation of Python hears no alarm."""
        numbers = isinstance(left, int) and isinstance(right, int)
        if operator == "**" and numbers and left.bit_length() * max(right, 0) > 1 << 16:
            raise SecurityError("the result of ** is too large")
        if operator == "*" and not numbers and any(isinstance(each, int) and each > 1 << 20 for each in (left, right)):
            raise SecurityError("the result of * is too large")
        return super().call_binop(context, operator, left, right)


def sandboxed(tree: Path) -> Callable[[str, Mapping[str, Any]], str]:
    """Return what renders a template's text of ``tree`` with variables, which are plain data.

    What is returned raises ``SluiceError`` in words.
    """
    environment = _environment(tree)

    def render(text: str, variables: Mapping[str, Any]) -> str:
        try:
            with _bounded():
                _refuse_variables(meta.find_undeclared_variables(environment.parse(text)))
                return _joined(environment.from_string(text).generate(dict(variables)))
        except jinja2.TemplateSyntaxError as error:
            raise SluiceError(f"line {error.lineno}: {error.message}") from error
        except jinja2.TemplateError as error:
            raise SluiceError(str(error)) from error
        except MemoryError:
            raise SluiceError(f"the template needs more than {_MOST_MEMORY >> 20} MiB of memory") from None
        except SluiceError:
            raise
        except Exception as error:  # a filter was given what it cannot take
            raise SluiceError(f"{type(error).__name__}: {error}") from error

    return render


def _refuse_variables(names: set[str]) -> None:
    for name in sorted(filter(is_refused_variable, names)):
        raise SecurityError(f"the variable {name} opens hosts or channels, and a tree is not trusted; {_INSTEAD}")


def _environment(tree: Path) -> _Environment:
    environment = _Environment(
        loader=jinja2.FunctionLoader(functools.partial(_load, tree)),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # nginx is not HTML
        # As Ansible's template module renders.
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_empty_for_none,
    )
    environment.filters |= {
        **_bounded_rounds(_named(filter_loader, FILTERS)),
        **{name: _refuses(f"the filter {name}") for name in REFUSED_FILTERS},
    }
    environment.tests |= {
        **_named(test_loader, TESTS),
        **{name: _refuses(f"the test {name}") for name in REFUSED_TESTS},
    }
    for name in ("lookup", "query", "q"):
        environment.globals[name] = _refuses(f"{name}()")
    return environment


def _named(loader: Any, names: tuple[str, ...]) -> dict[str, Callable[..., Any]]:
    found = {name: loader.get(f"ansible.builtin.{name}") for name in names}
    plain = {name: plugin.j2_function for name, plugin in found.items() if plugin is not None}
    return plain | {f"ansible.builtin.{name}": function for name, function in plain.items()}


def _bounded_rounds(filters: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Return filters of which none hashes for days: a library in C hears no alarm."""
    name = "password_hash"

    def hashed(password: Any, hashtype: Any = "sha512", *given: Any, **named: Any) -> Any:
        most = _MOST_COST if "bcrypt" in str(hashtype) or "blowfish" in str(hashtype) else _MOST_ROUNDS
        for rounds in (*given[2:3], named.get("rounds")):
            if rounds is not None and not (isinstance(rounds, int) and rounds <= most):
                raise SecurityError(f"{name} with {str(rounds)[:20]} rounds takes too long; expected {most:,} at most")
        return filters[name](password, hashtype, *given, **named)

    own = {each: hashed for each in (name, f"ansible.builtin.{name}") if name in filters}
    return {**filters, **own}


def _refuses(what: str) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> None:
        raise SecurityError(f"{what} reaches beyond the tree, and a tree is not trusted; {_INSTEAD}")

    return refuse


def _load(tree: Path, name: str) -> str | None:
    try:
        return read_inside(tree, name).decode()
    except (SluiceError, OSError, UnicodeDecodeError):
        return None


def _empty_for_none(value: object) -> object:
    return "" if value is None else value


def _joined(parts: Iterator[str]) -> str:
    found, size = [], 0
    for part in parts:
        found.append(part)
        size += len(part)
        if size > _MOST_TEXT:
            raise SluiceError(f"the template gives more than {_MOST_TEXT >> 20} MiB of text")
    return "".join(found)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Bound the memory and, where a signal can be heard, the time of what is done within."""

    def late(_: int, __: FrameType | None) -> None:
        raise SluiceError(f"the template takes longer than {_MOST_SECONDS:g} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + _MOST_MEMORY
    hears = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, late) if hears else None
    try:
        if soft == resource.RLIM_INFINITY or soft > most:
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        if hears:
            # Again and again: a filter may catch whatever is raised.
            signal.setitimer(signal.ITIMER_REAL, _MOST_SECONDS, 1)
        yield
    finally:
        if hears:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
