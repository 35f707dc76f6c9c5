"""Templates of a tree that nobody has declared trusted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.plugins.loader import filter_loader, test_loader

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.plugin_utils import templating
from ansible_collections.sluice.nginx.plugins.plugin_utils.templating import (
    FILTERS,
    REFUSED_FILTERS,
    REFUSED_TESTS,
    TESTS,
    is_refused_variable,
    sandboxed,
)

Render = Callable[..., str]


@pytest.fixture
def rendered(tmp_path: Path) -> Render:
    """Render a text with variables; ``tmp_path`` is the tree."""

    def run(text: str, variables: Mapping[str, Any] | None = None) -> str:
        return sandboxed(tmp_path)(text, variables or {})

    return run


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("listen {{ port }};\n", {"port": 8080}, "listen 8080;\n"),
        ("{% for name in names %}\nserver_name {{ name }};\n{% endfor %}", {"names": ["a", "b"]}, None),
        ("{{ names | join(' ') | upper }}", {"names": ["a", "b"]}, "A B"),
        ("{{ x | default('y') }} {{ none }}|", {"none": None}, "y |"),
        ("{{ {'a': 1} | combine({'b': 2}) | dict2items | length }}", {}, "2"),
        ("{{ 'a.b' | regex_replace('\\.', '-') }}", {}, "a-b"),
        ("{{ 'a' | ansible.builtin.b64encode }}", {}, "YQ=="),
        ("{% if '1.26' is version('1.25', '>') %}new{% endif %}", {}, "new"),
        ("{% if name is match('a') and name is string %}yes{% endif %}", {"name": "abc"}, "yes"),
        ("{{ 3 * 4 }} {{ '-' * 5 }} {{ 2 ** 10 }}", {}, "12 ----- 1024"),
    ],
)
def test_what_a_configuration_needs_is_there(
    rendered: Render, text: str, variables: dict[str, Any], expected: str | None
) -> None:
    assert rendered(text, variables) == (expected or "server_name a;\nserver_name b;\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ lookup('pipe', 'id') }}", r"lookup\(\) reaches beyond the tree.*nginx_tree_trusted: true"),
        ("{{ query('file', '/etc/passwd') }}", r"query\(\) reaches"),
        ("{{ q('env', 'HOME') }}", r"q\(\) reaches"),
        ("{{ '$HOME' | expandvars }}", "the filter expandvars reaches"),
        ("{{ ['$HOME'] | map('expandvars') | list }}", "the filter expandvars reaches"),
        ("{{ '/etc/*' | ansible.builtin.fileglob }}", "No filter named"),
        ("{{ '/etc/*' | fileglob }}", "the filter fileglob reaches"),
        ("{{ '/etc/passwd' is exists }}", "the test exists reaches"),
        ("{{ ['/etc/passwd'] | select('file') | list }}", "the test file reaches"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ ''['__class__'] }}", "unsafe"),
        ("{{ '' | attr('__class__') }}", "unsafe"),
        ("{{ range.__init__.__globals__ }}", "unsafe"),
        ("{{ '{0.__class__}'.format(1) }}", "unsafe"),
        ("{{ '%s' | map | attr('gi_frame') }}", ""),
        ("{{ self._TemplateReference__context }}", "unsafe"),
        ("{{ names.append(1) }}", "unsafe"),
        ("{{ names | community.general.json_query('x') }}", "No filter named"),
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ now() }}", "'now' is undefined"),
        ("ok\n{{ broken", "line 2: "),
        ("{% include 'other' %}", "other"),
        ("{% include '../secret' %}", "secret"),
        ("{% include '/etc/passwd' %}", "passwd"),
        ("{{ 9 ** 99999 }}", r"\*\* is too large"),
        ("{{ 'a' * 10 ** 9 }}", r"\* is too large"),
        ("{{ [0] * 10 ** 9 }}", r"\* is too large"),
        ("{% for a in range(10 ** 9) %}{% endfor %}", "Range too big"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{{ '-' * 99999 }}{% endfor %}{% endfor %}", "16 MiB"),
        (
            "{% set n = namespace(x='a' * 999999) %}{% for a in range(30) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
            "memory",
        ),
        ("{{ 1 | from_json }}", ""),
    ],
)
def test_what_reaches_beyond_the_tree_is_refused_in_words(rendered: Render, text: str, words: str) -> None:
    with pytest.raises(SluiceError, match=words):
        rendered(text, {"names": ["a"]})


def test_a_template_that_never_ends_is_ended(rendered: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templating, "_MOST_SECONDS", 0.3)
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(SluiceError, match=r"longer than 0.3 s"):
        rendered("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    with pytest.raises(SluiceError, match=r"longer than 0.3 s"):
        rendered("{{ ('a' * 40 ~ 'b') | regex_search('(a+)+$') }}")
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize(
    "given",
    [
        "rounds=999999999",
        "rounds='999999999'",
        "'sha256', 'abcdefgh', 8, 999999999",
        "'bcrypt', rounds=31",
        "hashtype='blowfish', rounds=20",
    ],
)
@pytest.mark.parametrize("name", ["password_hash", "ansible.builtin.password_hash"])
def test_no_password_is_hashed_for_days(rendered: Render, name: str, given: str) -> None:
    """What hashes is a library in C, which hears no alarm."""
    for text in (f"{{{{ 'x' | {name}({given}) }}}}", f"{{{{ ['x'] | map('{name}', {given}) | list }}}}"):
        with pytest.raises(SluiceError, match="rounds takes too long"):
            rendered(text, {})


def test_a_template_may_include_those_of_its_own_tree(rendered: Render, tmp_path: Path) -> None:
    (tmp_path / "part.j2").write_text("port {{ port }}")
    (tmp_path / "leak.j2").symlink_to("/etc/hostname")
    assert rendered("{% include 'part.j2' %}", {"port": 80}) == "port 80"
    with pytest.raises(SluiceError, match=r"leak\.j2"):
        rendered("{% include 'leak.j2' %}")


def test_values_are_data_and_never_templates(rendered: Render) -> None:
    assert rendered("{{ a }}", {"a": "{{ lookup('pipe', 'id') }}"}) == "{{ lookup('pipe', 'id') }}"


def test_each_filter_and_test_of_ansible_has_been_looked_at() -> None:
    # Those that Jinja has under the same name are Jinja's here.
    jinja = {"d", "default", "groupby", "map", "reject", "rejectattr", "select", "selectattr", "root"}
    filters = {plugin.ansible_name.rpartition(".")[2] for plugin in filter_loader.all()}
    assert filters - jinja - {*FILTERS, *REFUSED_FILTERS} == set()
    tests = {plugin.ansible_name.rpartition(".")[2] for plugin in test_loader.all()}
    # They judge the results of tasks, which a template of a tree does not have.
    results = {"change", "changed", "failed", "failure", "finished", "reachable", "skip", "skipped", "started"}
    results |= {"succeeded", "success", "successful", "timedout", "unreachable", "defined", "undefined"}
    assert tests - results - {*TESTS, *REFUSED_TESTS} == set()


@pytest.mark.parametrize(
    "name",
    [
        *("ansible_password", "ansible_ssh_pass", "ansible_become_password", "ansible_ssh_private_key_file"),
        *("notify_team", "notify_customers", "monitor_receivers"),
    ],
)
def test_what_opens_hosts_and_channels_is_not_for_a_tree(rendered: Render, name: str) -> None:
    with pytest.raises(SluiceError, match=f"the variable {name} opens hosts or channels"):
        rendered(f"{{% if x is defined %}}{{{{ {name} | b64encode }}}}{{% endif %}}", {name: "S3CR3T"})
    assert is_refused_variable(name)


@pytest.mark.parametrize("name", ["ansible_host", "ansible_hostname", "inventory_hostname", "notify_url", "bypass"])
def test_other_variables_are_for_a_tree(rendered: Render, name: str) -> None:
    assert rendered(f"{{{{ {name} }}}}", {name: "plain"}) == "plain"


def test_a_filter_that_catches_everything_ends_as_well(rendered: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    def catches(_: object) -> None:
        try:
            while True:
                pass
        except Exception:  # what raises by a signal comes here, too
            while True:
                pass

    monkeypatch.setattr(templating, "_MOST_SECONDS", 0.05)
    monkeypatch.setattr(templating, "_named", lambda *_: {"catches": catches})
    with pytest.raises(SluiceError, match="longer than"):
        rendered("{{ 1 | catches }}")
