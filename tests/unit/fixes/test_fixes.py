"""Which lines fix a finding, in which files of the user, and what the gates must say before they are written."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.config.parse import parse_tree
from ansible_collections.sluice.nginx.plugins.module_utils.fixes.mechanical import fix_of, with_fixes
from ansible_collections.sluice.nginx.plugins.module_utils.fixes.sources import (
    OutOfReach,
    Proposed,
    applied,
    patched,
    patches_of,
)
from ansible_collections.sluice.nginx.plugins.module_utils.fixes.verifying import FoundFault, fixable, judge
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.untrusted import printable
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import Edit, Finding, Verdict

FILE = "conf.d/shop.conf"


def config_of(tmp_path: Path, text: str) -> Any:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { include conf.d/*.conf; }\n")
    (tmp_path / FILE).write_text(text)
    return parse_tree(tmp_path)


def fixed(tmp_path: Path, text: str, line: int, what: str, **more: str) -> str | None:
    """The text with the fix of a finding at a line; None where it has none."""
    config = config_of(tmp_path, text)
    finding = replace(Finding(what, file=FILE, line=line), **cast(Any, more))
    edits = fix_of(finding, config, lambda file: (tmp_path / file).read_text().split("\n"))
    return applied(text.encode(), edits).decode() if edits else None


@pytest.mark.parametrize(
    ("before", "line", "what", "more", "after"),
    [
        (
            "server {\n    proxy_pas http://app:8001;\n}\n",
            2,
            'unknown directive "proxy_pas"',
            {"fix": "did you mean proxy_pass?"},
            "server {\n    proxy_pass http://app:8001;\n}\n",
        ),
        (
            "location / { proxy_pass http://ap-blue:8001; } # ap-blue\n",
            1,
            "the upstream ap-blue is one typing error from app-blue [typo_in_upstream]",
            {"fix": "write app-blue, or accept it on its line"},
            None,
        ),
        (
            "location / { proxy_pass http://ap-blue; }\n",
            1,
            "the upstream ap-blue is nearly app-blue [typo_in_upstream]",
            {"fix": "write app-blue, or accept it on its line: # sluice: accept x: REASON"},
            "location / { proxy_pass http://app-blue; }\n",
        ),
        (
            "location ~ \\.phpp$ {\n",
            1,
            "no file ends in .phpp [unknown_file_extension]",
            {"fix": "write .php, or add a file with .phpp, or accept it on its line"},
            "location ~ \\.php$ {\n",
        ),
        (
            "location ~ \\.php {\n",
            1,
            "the expression has no $ at its end: it also matches /page.php.bak [unanchored_extension]",
            {"fix": "write \\.php$, or accept it on its line"},
            "location ~ \\.php$ {\n",
        ),
        (
            "root /srv/pubilc;\n",
            1,
            "the release needs the directory /srv/pubilc, and web1 lacks it; did you mean /srv/public?",
            {},
            "root /srv/public;\n",
        ),
        (
            "    return 301 /catalgue/;\n",
            1,
            "/ → /catalgue: catalgue is one letter from catalogue, and stands nowhere else",
            {},
            "    return 301 /catalogue/;\n",
        ),
        (
            "listen 808;\n",
            1,
            "listen 8080 → listen 808: 808 is 8080 with a digit lost, doubled or swapped",
            {},
            "listen 8080;\n",
        ),
        (
            "server {\n    index index.html # the front page\n    root /srv/shop;\n}\n",
            2,
            "index takes the directive root as an argument: a semicolon is missing before it [missing_semicolon]",
            {},
            "server {\n    index index.html; # the front page\n    root /srv/shop;\n}\n",
        ),
        (
            "server {\n\troot /srv/shop\n\n\tlisten 80;\n}\n",
            4,
            'directive "root" is not terminated by ";"',
            {},
            "server {\n\troot /srv/shop;\n\n\tlisten 80;\n}\n",
        ),
        ("server {\n    listen 80\n}\n", 3, 'unexpected "}"', {}, "server {\n    listen 80;\n}\n"),
        (
            "location ~ ^/(.*)$ { proxy_pass http://$up/$1; }\nproxy_pass http://$up/$1;\n",
            2,
            "the arguments of the request are lost [proxy_pass_loses_arguments]",
            {},
            "location ~ ^/(.*)$ { proxy_pass http://$up/$1; }\nproxy_pass http://$up/$1$is_args$args;\n",
        ),
    ],
)
def test_a_mechanical_fix(
    tmp_path: Path, before: str, line: int, what: str, more: dict[str, str], after: str | None
) -> None:
    if after is None:  # the wrong word stands in the line once, and in a comment, which stays
        after = before.replace("//ap-blue", "//app-blue")
    assert fixed(tmp_path, before, line, what, **more) == after


@pytest.mark.parametrize(
    ("line", "what", "fix"),
    [
        (1, "GET / is answered by 500", "fix it"),
        (1, "two words are as near", "did you mean appx?"),
        (1, "nothing is near", "write something-else, or accept it"),
        (9, "the line is not there", "did you mean app1?"),
        (0, "there is no line", "did you mean app1?"),
    ],
)
def test_what_a_program_cannot_tell_has_no_fix(tmp_path: Path, line: int, what: str, fix: str) -> None:
    assert fixed(tmp_path, "split app1 app2;\n", line, what, fix=fix) is None


def test_headers_that_a_block_loses_are_repeated_in_it(tmp_path: Path) -> None:
    text = (
        "server {\n"
        '    add_header X-Frame-Options "DENY" always; # nobody frames us\n'
        "    add_header X-Content-Type-Options nosniff;\n"
        "    location /a {\n"
        "        add_header Cache-Control no-store;\n"
        "    }\n"
        "}\n"
    )
    after = fixed(
        tmp_path,
        text,
        5,
        "this add_header replaces every add_header of the outer blocks [headers_not_inherited]",
        expected="add_header X-Frame-Options, X-Content-Type-Options in this block as well",
        fix=f"repeat here what {FILE}:2 sets, or accept it on its line",
    )
    repeated = '        add_header X-Frame-Options "DENY" always;\n        add_header X-Content-Type-Options nosniff;\n'
    assert after == text.replace("no-store;\n", f"no-store;\n{repeated}")


def test_only_what_fails_gets_a_fix(tmp_path: Path) -> None:
    release = made(tmp_path, {"conf.d/a.conf": "root /srv/pubilc;\n"})
    finding = Finding("lacks it; did you mean /srv/public?", file="conf.d/a.conf", line=1)
    mild = Finding("lacks it; did you mean /srv/public?", file="conf.d/a.conf", line=1, warning=True)
    verdicts = [Verdict("fail", "", [finding, mild], gate="needs"), Verdict("pass", "", [finding], gate="lint")]
    first, second = with_fixes(verdicts, release, parse_tree(release.tree))
    assert [len(each.edits) for each in (*first.findings, *second.findings)] == [1, 0, 0]


def made(tmp_path: Path, files: dict[str, str], origins: str = "files/nginx") -> Release:
    """A release, whose files are those of the user below ``origins`` as well."""
    tree = {"nginx.conf": trees.file(b"events {}\nhttp { include conf.d/*.conf; }\n", "packaged/nginx.conf")}
    for name, text in files.items():
        tree[name] = trees.file(text.encode(), f"{origins}/{name}")
        (tmp_path / origins / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / origins / name).write_text(text)
    return ReleaseStore(tmp_path / "store").add(trees.overlay(tree), [], [], {"os": "debian 12"})


SLIP = Edit("conf.d/a.conf", 1, "root /srv/pubilc;", ("root /srv/public;",))
FAULT = FoundFault("needs", "the directory is missing", "conf.d/a.conf")


def test_the_user_s_file_is_patched_and_the_tree_is_the_one_it_gives(tmp_path: Path) -> None:
    release = made(tmp_path, {"conf.d/a.conf": "root /srv/pubilc;\nlisten 80;\n", "conf.d/b.conf": "listen 81;\n"})
    patches, beyond = patches_of([(release, Proposed(FAULT, (SLIP,)))], tmp_path)
    assert beyond == []
    assert {name: each.after for name, each in patches.items()} == {
        "files/nginx/conf.d/a.conf": b"root /srv/public;\nlisten 80;\n"
    }
    store = ReleaseStore(tmp_path / "store")
    assert store.identify(patched(release, {})) == release.id, "without a patch it is the same release"
    after = made(tmp_path, {"conf.d/a.conf": "root /srv/public;\nlisten 80;\n", "conf.d/b.conf": "listen 81;\n"})
    assert store.identify(patched(release, patches)) == after.id


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("packaged/conf.d/a.conf", "comes with nginx's package"),
        (
            "files/nginx/conf.d/a.conf.j2",
            "is rendered from the template files/nginx/conf.d/a.conf.j2; correct it there",
        ),
        ("roles/nginx/templates/site.conf.j2", "from nginx_sites[0].root; correct the variable"),
        ("files/gone.conf", "cannot be read: No such file"),
    ],
)
def test_what_is_no_file_of_the_user_is_out_of_reach_with_its_place(tmp_path: Path, origin: str, words: str) -> None:
    node = trees.Node("file", 0o644, b"root /srv/pubilc;\n", origin, ((1, 1, "nginx_sites[0].root"),))
    tree = {"nginx.conf": trees.file(b"events {}\n", "packaged/nginx.conf"), "conf.d/a.conf": node}
    release = ReleaseStore(tmp_path / "store").add(trees.overlay(tree), [], [], {})
    patches, (beyond,) = patches_of([(release, Proposed(FAULT, (SLIP,)))], tmp_path)
    assert patches == {}
    assert beyond.startswith("conf.d/a.conf:1: ")
    assert beyond.endswith("it would be: root /srv/public;")
    assert words in beyond


def test_a_file_that_was_changed_since_is_out_of_reach(tmp_path: Path) -> None:
    release = made(tmp_path, {"conf.d/a.conf": "root /srv/pubilc;\n"})
    (tmp_path / "files/nginx/conf.d/a.conf").write_text("root /srv/pubilc;\n# more\n")
    patches, (beyond,) = patches_of([(release, Proposed(FAULT, (SLIP,)))], tmp_path)
    assert patches == {}
    assert "was changed since; run the gates again" in beyond


def test_a_line_is_the_one_of_the_record_or_it_stays() -> None:
    tabbed = Edit("a", 1, "\\troot /a;", ("\\troot /b;",))
    assert applied(b"\troot /a;\n", [tabbed]) == b"\troot /b;\n", "a record has no tab"
    for line in ('\tlog_format x "a\\tb"; rot /a;', '  add_header X "a\xa0b"; rot /a;', '\tset $a "\u3164"; rot /a;'):
        shown = printable(line)
        with pytest.raises(OutOfReach, match="correct it by hand"):
            applied(line.encode(), [Edit("a", 1, shown, (shown.replace("rot ", "root "),))])
    with pytest.raises(OutOfReach):
        applied(b"root /c;\n", [tabbed])
    with pytest.raises(OutOfReach):
        applied(b"", [Edit("a", 5, "", ("x",))])


def verdict(gate: str, result: str, *whats: str) -> dict[str, Any]:
    return asdict(Verdict(result, "said", [Finding(what, file="a", line=3) for what in whats], gate=gate))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "caused", "left"),
    [
        ([("syntax", "fail", "x"), ("smoke", "not run")], [("syntax", "pass"), ("smoke", "pass")], 0, []),
        (
            [("syntax", "fail", "x"), ("smoke", "not run")],
            [("syntax", "pass"), ("smoke", "fail", "y")],
            0,
            ["smoke: a:3: y"],
        ),
        ([("lint", "fail", "x"), ("smoke", "pass")], [("lint", "pass"), ("smoke", "fail", "y")], 1, ["smoke: a:3: y"]),
        ([("lint", "fail", "x")], [("lint", "fail", "x", "y")], 1, ["lint: a:3: x", "lint: a:3: y"]),
        ([("lint", "fail", "x")], [("lint", "inconclusive")], 1, ["lint: said"]),
    ],
    ids=["all is well", "shown for the first time", "spoilt", "another one", "cannot be told"],
)
def test_a_fix_counts_where_it_heals_and_spoils_nothing(before: Any, after: Any, caused: int, left: list[str]) -> None:
    judged = judge([verdict(*each) for each in before], [verdict(*each) for each in after])
    assert len(judged.caused) == caused
    assert list(judged.left) == left


def test_a_finding_is_the_same_when_only_its_line_or_the_end_of_its_words_moved() -> None:
    one, other = verdict("lint", "fail", "slip of 3 lines [typo]"), verdict("lint", "fail", "slip of 4 lines [typo]")
    assert judge([one], [other]).healed == frozenset()
    assert list(fixable([one])) == []
