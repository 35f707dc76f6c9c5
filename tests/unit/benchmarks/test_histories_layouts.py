"""The labelled changes of public repositories: laid out from a clone, and the labels that are kept here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from benchmarks.histories.layouts import of_clones, read_layouts
from benchmarks.histories.transitions import Label, read_labels

DATA = Path(__file__).resolve().parents[3] / "benchmarks/histories/data"


class Clone:
    """A small repository, named as its owner and name would be."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "owner+name"
        self.path.mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        by = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", "-C", str(self.path), *by, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            where = self.path / name.replace("__", "/")
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        return self.git("rev-parse", "HEAD")[:8]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def _layouts(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "layouts.yml"
    path.write_text(text, encoding="utf-8")
    return path


def _contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_change_is_laid_out_with_what_fills_it_and_what_stands_in(clone: Clone, tmp_path: Path) -> None:
    clone.commit(web__sites__shop="server { server_name DOMAIN; }\n", web__main="# main\n")
    commit = clone.commit(web__sites__shop="server { server_name DOMAIN www.DOMAIN; }\n")
    layouts = read_layouts(
        _layouts(
            tmp_path,
            """
            owner+name:
              places: [{source: web/sites, target: sites-enabled}, {source: web/main, target: nginx.conf}]
              fill: {DOMAIN: shop.example}
              add: {private.conf: "# private"}
            """,
        )
    )
    label = Label("owner+name", commit, "good", "a name more")
    (found,) = of_clones(tmp_path, [label], layouts, tmp_path / "work")
    same = {"nginx.conf": "# main\n", "private.conf": "# private"}
    assert _contents(found.live) == {"sites-enabled/shop": "server { server_name shop.example; }\n", **same}
    after = "server { server_name shop.example www.shop.example; }\n"
    assert _contents(found.candidate) == {"sites-enabled/shop": after, **same}
    assert (found.name, found.label, found.note) == (f"owner+name {commit}", "good", "a name more")


def test_a_file_goes_elsewhere_from_a_commit_on(clone: Clone, tmp_path: Path) -> None:
    clone.commit(redirects="# one\n")
    commit = clone.commit(redirects="# two\n")
    rows = (
        f"{{source: redirects, target: conf.d/a, until: '{commit}'}}",
        f"{{source: redirects, target: b, since: '{commit}'}}",
    )
    places = f"[{', '.join(rows)}]"
    layouts = read_layouts(_layouts(tmp_path, f"owner+name: {{places: {places}}}"))
    (found,) = of_clones(tmp_path, [Label("owner+name", commit, "bad", "")], layouts, tmp_path / "work")
    assert _contents(found.live) == {"conf.d/a": "# one\n"}
    assert _contents(found.candidate) == {"b": "# two\n"}


def test_two_hosts_have_one_clone(clone: Clone, tmp_path: Path) -> None:
    clone.commit(www="# one\n")
    commit = clone.commit(www="# two\n")
    text = "owner+name.www: {clone: owner+name, places: [{source: www, target: conf.d/www.conf}]}"
    layouts = read_layouts(_layouts(tmp_path, text))
    (found,) = of_clones(tmp_path, [Label("owner+name.www", commit, "good", "")], layouts, tmp_path / "work")
    assert found.candidate == tmp_path / f"work/owner+name.www/{commit}/cand"
    assert _contents(found.candidate) == {"conf.d/www.conf": "# two\n"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("owner+name: {}", "expected: by repository, places"),
        ("owner+name: {places: [{source: a, goes: b}]}", "expected: by repository, places"),
        ("owner+name: {places: [], fill: {'(': x}}", "expected: by repository, places"),
        ("[]", "expected: by repository, places"),
        ("other: {places: []}", "owner\\+name has labels and no layout; expected it among other"),
        ("owner+name: {places: [{source: new, target: new}]}", "nothing was there before"),
        ("owner+name: {places: [{source: a, target: ../a}]}", "not below /etc/nginx; expected a relative path"),
    ],
)
def test_what_cannot_be_laid_out_says_why(clone: Clone, tmp_path: Path, text: str, words: str) -> None:
    clone.commit(a="# a\n")
    commit = clone.commit(new="# new\n")
    with pytest.raises(SluiceError, match=words):
        list(
            of_clones(
                tmp_path,
                [Label("owner+name", commit, "good", "")],
                read_layouts(_layouts(tmp_path, text)),
                tmp_path / "work",
            )
        )


def test_templates_are_rendered_with_variables(clone: Clone, tmp_path: Path) -> None:
    text = (
        "server_name {{ domain }}{% for name in others %} {{ name }}{% endfor %};\n{% if http3 %}\nquic\n{% endif %}\n"
    )
    clone.commit(site=f"{text}# {{{{ token_of_somebody }}}} {{{{ 'x' if http3 }}}}\n")
    commit = clone.commit(site=text)
    layout = "{places: [{source: site, target: conf.d/site}], variables: {domain: a.example, others: [b.example]}}"
    layouts = read_layouts(_layouts(tmp_path, f"owner+name: {layout}"))
    (found,) = of_clones(tmp_path, [Label("owner+name", commit, "good", "")], layouts, tmp_path / "work")
    assert _contents(found.live) == {"conf.d/site": "server_name a.example b.example;\n# token-of-somebody \n"}
    assert _contents(found.candidate) == {"conf.d/site": "server_name a.example b.example;\n"}


def test_a_template_includes_what_its_layout_has(clone: Clone, tmp_path: Path) -> None:
    clone.commit(site="plain\n")
    commit = clone.commit(site="{% include 'tls.j2' %} ssl_certificate {{ file | basename }};\n")
    layout = "{places: [{source: site, target: s}], variables: {file: /srv/a.crt}, includes: {tls.j2: listen 443 ssl;}}"
    layouts = read_layouts(_layouts(tmp_path, f"owner+name: {layout}"))
    (found,) = of_clones(tmp_path, [Label("owner+name", commit, "good", "")], layouts, tmp_path / "work")
    assert _contents(found.candidate) == {"s": "listen 443 ssl; ssl_certificate a.crt;\n"}


@pytest.mark.parametrize("text", ["{{ open }", "{{ range(10 ** 9) | list }}", "{% include 'other' %}"])
def test_a_template_that_reaches_for_more_is_named(clone: Clone, tmp_path: Path, text: str) -> None:
    clone.commit(site="plain\n")
    commit = clone.commit(site=text)
    layouts = read_layouts(_layouts(tmp_path, "owner+name: {places: [{source: site, target: s}], variables: {a: b}}"))
    with pytest.raises(SluiceError, match="a template cannot be rendered"):
        list(of_clones(tmp_path, [Label("owner+name", commit, "good", "")], layouts, tmp_path / "work"))


def test_a_commit_that_is_not_in_the_clone_is_named(clone: Clone, tmp_path: Path) -> None:
    clone.commit(a="# a\n")
    layouts = read_layouts(_layouts(tmp_path, "owner+name: {places: [{source: a, target: a}]}"))
    with pytest.raises(SluiceError, match="owner\\+name 1234567: nothing was there before"):
        list(of_clones(tmp_path, [Label("owner+name", "1234567", "good", "")], layouts, tmp_path / "work"))


def test_each_label_has_a_layout_and_stands_in_one_file() -> None:
    layouts = read_layouts(DATA / "layouts.yml")
    rows = [each for path in DATA.glob("*.tsv") if path.name != "judged.tsv" for each in read_labels(path)]
    assert {each.repository for each in rows} == set(layouts)
    assert len({each[:2] for each in rows}) == len(rows)
    assert all(each.note for each in rows)


@pytest.mark.parametrize(("name", "kept"), [("transitions.tsv", False), ("kept.tsv", True)])
def test_which_labels_are_kept_apart_follows_from_the_commit(name: str, kept: bool) -> None:
    assert {int(each.commit[:7], 16) % 3 == 0 for each in read_labels(DATA / name)} == {kept}
