"""The pages for people: links lead somewhere, what they name exists, and their sentences are short."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract
from ansible_collections.sluice.nginx.plugins.module_utils.sites.model import parse_sites

PROJECT = Path(__file__).resolve().parents[2]
# The pages that are written for operators. The older ones and the roles' are held to their links and names only.
OWN = ("tutorial.md", "how-it-works.md", "playbooks.md", "gates.md", "limits.md", "faq.md", "README.md")
NEW = [
    PROJECT / "README.md",
    *(PROJECT / "docs" / name for name in OWN),
    *sorted((PROJECT / "docs/how-to").glob("*.md")),
]
PAGES = sorted(
    {*NEW, *(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("*.md"), *(PROJECT / "roles").glob("*/README.md")}
)
ROLES = [path.name for path in (PROJECT / "roles").iterdir() if path.is_dir()]
# What a playbook takes by -e, what stands in an inventory beside a host, and a rule of gixy-ng: no role reads them.
OTHERS = {"leave_monitor", "monitor_address", "nginx_cves", "nginx_version"}
WORDS_A_SENTENCE = 15
README_LINES = 150

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
every_new_page = pytest.mark.parametrize("page", NEW, ids=lambda page: str(page.relative_to(PROJECT)))


def _options() -> dict[str, Any]:
    """Return the type, elements and choices of each variable of a role, as Ansible validates them."""
    found = {}
    for role in ROLES:
        specs = yaml.safe_load((PROJECT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
        for entry in specs["argument_specs"].values():
            for name, option in entry.get("options", {}).items():
                found[name] = {key: option[key] for key in ("type", "elements", "choices") if key in option}
    return found


OPTIONS = _options()


def _variables() -> set[str]:
    found = {*OTHERS, *OPTIONS}
    for role in ROLES:
        # What a role leaves for others.
        for path in (PROJECT / "roles" / role).rglob("*.yml"):
            found |= set(re.findall(r"register: (\w+)", path.read_text(encoding="utf-8")))
    return found


VARIABLES = _variables()
# Playbooks, modules, filters, callbacks and roles.
COLLECTION = {
    path.stem
    for folder in ("playbooks", "plugins/modules", "plugins/filter", "plugins/callback", "roles")
    for path in (PROJECT / folder).iterdir()
} | {"plugins"}
PROGRAMS = [
    path.relative_to(PROJECT).parts for path in PROJECT.glob("[!.]*/**/*") if path.suffix in (".py", ".sh", ".j2")
]
# A page may name a program from a folder below which it is, as `engine/proof.py`.
NAMED_SO = {"/".join(parts[first:]) for parts in PROGRAMS for first in range(len(parts))}
# A client of ACME, and the example of a gate.
OF_OTHERS = {"acme.sh", "no_gzip.py"}
ENGINE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((PROJECT / "plugins/module_utils/engine").rglob("*.py"))
)


def _of_playbooks() -> set[str]:
    """Return the variables that playbooks read and no role has: they come from the command line."""
    found = set()
    for path in (PROJECT / "playbooks").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\b([a-z_]+) \| (?:default|mandatory)\(", text))
        found |= set(re.findall(r"ansible\.builtin\.vars', '(\w+)'", text))
    return found - VARIABLES - {"inventory_dir"}


OF_PLAYBOOKS = _of_playbooks()


def _prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", _prose(page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_page
def test_a_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    text = re.sub(r"`[^`\n]+`", "code", _prose(page.read_text(encoding="utf-8")))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert broken == []


@every_page
def test_a_playbook_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"\bplaybooks/[\w-]+\.yml", page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (PROJECT / name).is_file()] == []


@every_page
def test_a_variable_that_is_named_exists(page: Path) -> None:
    prefix = "|".join(ROLES)
    named = set(
        re.findall(rf"(?<![\w./-])(?:{prefix}|leave)_[a-z_]*[a-z](?![\w./(-])", page.read_text(encoding="utf-8"))
    )
    assert sorted(named - VARIABLES) == []


@every_page
def test_a_name_of_the_collection_exists(page: Path) -> None:
    named = set(re.findall(r"\bsluice\.nginx\.([a-z_]+)", page.read_text(encoding="utf-8")))
    assert sorted(named - COLLECTION) == []


@every_page
def test_what_a_command_gives_by_e_is_read(page: Path) -> None:
    given = set(re.findall(r"""-e (?:'\{")?([a-z_]+)(?:=|":)""", page.read_text(encoding="utf-8")))
    others = {name for name in given if name.startswith("awx_")}
    assert sorted(given - others - VARIABLES - OF_PLAYBOOKS) == []


@every_page
def test_a_program_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|sh|j2))\b[^`]*`", page.read_text(encoding="utf-8")))
    assert sorted(named - NAMED_SO - OF_OTHERS) == []


@every_page
def test_a_place_on_hosts_is_one_of_the_engine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name for names in re.findall(r"/var/lib/sluice/(?:\{([\w,]+)\}|([\w.]*\w))", text) for name in names}
    parts = {part for name in named for part in name.split(",") if part}
    assert [part for part in sorted(parts) if not re.search(rf"[\"/]{re.escape(part)}\"", ENGINE)] == []


def test_what_playbooks_take_by_e_is_in_a_page() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in sorted(OF_PLAYBOOKS) if not re.search(rf"`{name}`|-e (?:'\{{\")?{name}\b", pages)] == []


@every_page
def test_variables_to_copy_are_what_the_roles_take(page: Path) -> None:
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)
    documents = [each for block in blocks for each in yaml.safe_load_all(textwrap.dedent(block))]
    for document in (each for each in documents if isinstance(each, dict)):
        given = {name: value for name, value in document.items() if name in OPTIONS and value is not None}
        assert ArgumentSpecValidator({name: OPTIONS[name] for name in given}).validate(given).error_messages == []
        parse_sites(given.get("nginx_sites", []))
        parse_contract(given.get("nginx_checks", []), "nginx_checks")


@every_new_page
def test_a_target_of_make_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", page.read_text(encoding="utf-8")))
    assert named <= targets


@every_new_page
def test_a_command_names_files_that_exist(page: Path) -> None:
    commands = "\n".join(re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S))
    named = set(re.findall(r"(?<![\w/])(?:examples|scripts|inventories/(?:example|bare|sandbox))/?[\w./-]*", commands))
    assert [name for name in sorted(named) if not (PROJECT / name.rstrip("/.")).exists()] == []


@every_new_page
def test_sentences_are_short(page: Path) -> None:
    """A row of a table, an item and a paragraph each end a sentence; code is one word."""
    text = re.sub(r"`[^`\n]+`", "code", _prose(page.read_text(encoding="utf-8")))
    text = re.sub(r"\]\([^)]+\)", "]", text)
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.|\||#) ?)|\|", text)
    sentences = [part for block in blocks for part in re.split(r"(?<=[.:;!?])\s", " ".join(block.split()))]
    lengths = [len(re.findall(r"[\w'-]+", sentence)) for sentence in sentences]
    counted = [length for length in lengths if length > 2]
    assert sum(counted) / len(counted) <= WORDS_A_SENTENCE
    assert max(counted) <= 2.5 * WORDS_A_SENTENCE, [
        each for each in sentences if len(re.findall(r"[\w'-]+", each)) > 37
    ]


def test_the_index_names_every_page() -> None:
    index = (PROJECT / "docs/README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(PROJECT / "docs").as_posix() for path in (PROJECT / "docs").rglob("*.md")]
    # A folder of pages of one kind has an index of its own.
    own = [name for name in pages if not name.startswith(("alerts/", "lint/")) or name.endswith("/README.md")]
    assert [name for name in sorted(own) if name != "README.md" and f"]({name})" not in index] == []


def test_the_readme_is_short_and_shows_the_way_of_a_release() -> None:
    lines = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= README_LINES
    assert "```mermaid" in lines
    assert any("docs/README.md" in line for line in lines)


def test_every_playbook_is_in_the_reference() -> None:
    reference = (PROJECT / "docs/playbooks.md").read_text(encoding="utf-8")
    names = [f"playbooks/{path.name}" for path in (PROJECT / "playbooks").glob("*.yml")]
    # Parts of deploy.yml and rollback.yml.
    parts = {"playbooks/push.yml", "playbooks/finalize.yml"}
    assert [name for name in sorted(names) if name not in reference and name not in parts] == []
