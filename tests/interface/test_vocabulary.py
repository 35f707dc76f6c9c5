"""One word for one thing: the words that the field has a standard term for do not come back, and no name means two."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# The words that are not used, as regular expressions, and the term that stands for them.
TERMS = {
    r"guard(s|ed|ing)?": "watchdog",
    r"leases?|signs? of life": "heartbeat",
    r"settle[sd]?|settling|unsettled": "finalize",
    r"on[ _-]trial": "pending",
    r"ways? back|way_back|retreats?|(tak(e|es|en|ing)|took)( it| them| itself)? back|taken_back": "rollback",
    r"revert(s|ed|ing)?": "roll back",
    r"mend(s|ed|ing)?": "fix",
    r"worlds?": "environment",
    r"invent(s|ed|ing)?": "synthesize",
    r"stand[-_]ins?": "stub",
    r"trickles?": "background load",
    r"guilt|guilty|blam(e|es|ed|ing)": "culprit",
    r"nginx_kept": "nginx_shared_paths",
    r"gates_decide": "gates_waivers",
    r"rollout_guard_deadline": "rollout_confirm_timeout",
    r"desks?": "dispatcher",
    r"patience|hasty|barren": "timeout, fail_fast, without_match",
}
# Where such a word is right, and why.
EXCEPTIONS = {
    "changelogs/fragments/vocabulary.yml": "it tells which names are gone",
    "LICENSE": "the licence's own words",
    "benchmarks/results/": "what was measured, as it was written then",
    "benchmarks/histories/data/": "reasons that stand beside recorded changes",
    "benchmarks/corpus/": "configurations of others",
    "requirements": "names of packages",
    "docs/schemas/": "names of the standard that describes schemas",
    "tests/interface/test_vocabulary.py": "the list itself",
    "tests/lint/": "configurations of others",
    "tests/gates/": "configurations of others",
    "tests/fuzz/seeds/": "whatever once broke a reader",
}
# Words in other senses: a person's machine in an address, nginx's own and tools' words, and quotations.
SENSES = re.compile(
    r"@desk|\"desk\"|from\W+desk|desk-of|(ann|bob|ada) from desk|hello world|world-(readable|writable)"
    r"|WireGuard|sysguard|reverted (five weeks|three days)",
    re.IGNORECASE,
)
WORDS = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(TERMS)})(?![A-Za-z])", re.IGNORECASE)
# Ansible gives these classes their names.
OF_ANSIBLE = {"ActionModule", "CallbackModule", "FilterModule", "ModuleDocFragment"}


def _files() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        path = PROJECT / name
        if name.startswith(tuple(EXCEPTIONS)) or path.is_symlink() or not path.is_file():
            continue
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_the_words_of_the_field_are_used() -> None:
    found = [
        f"{name}:{number}: {match.group()}"
        for name, text in _files()
        for number, line in enumerate(text.splitlines(), 1)
        for match in WORDS.finditer(SENSES.sub("", line))
    ]
    found += [f"{name}: its name" for name, _ in _files() if WORDS.search(name)]
    assert found == [], f"{len(found)} words; the terms are {TERMS}"


def test_no_class_has_the_name_of_another_one() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted((PROJECT / "plugins").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name not in OF_ANSIBLE:
                places[node.name].append(str(path.relative_to(PROJECT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("word", ["Tell", "Say", "Whether"])
def test_docstrings_of_functions_begin_with_return(word: str) -> None:
    found = []
    for path in sorted((PROJECT / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (ast.get_docstring(node) or "").startswith(f"{word} "):
                returns = node.returns
                if returns is not None and not (isinstance(returns, ast.Constant) and returns.value is None):
                    found.append(f"{path.relative_to(PROJECT)}:{node.lineno}: {node.name}")
    assert found == [], "functions return, they do not tell"


def test_no_module_is_called_after_an_adverb() -> None:
    names = {path.stem for path in (PROJECT / "plugins").rglob("*.py")}
    assert {name for name in names if name.endswith("ly") or name in ("beside", "near", "inside", "outside")} == set()
