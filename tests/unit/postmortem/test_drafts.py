"""A draft is renewed, and what a person wrote stays."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.drafts import keep


def test_a_draft_is_written_anew_while_nobody_has_worked_on_it(tmp_path: Path) -> None:
    path = tmp_path / "postmortem.md"
    assert keep(path, "# One\n") == keep(path, "# Two\n") == path
    assert path.read_text().startswith("# Two\n\n<!-- draft ")


def test_what_a_person_wrote_stays_and_the_draft_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "postmortem.md"
    keep(path, "# One\n\n> TO ADD: why.\n")
    edited = path.read_text().replace("> TO ADD: why.", "Because.")
    path.write_text(edited)
    beside = keep(path, "# Two\n")
    assert (beside.name, keep(path, "# Three\n")) == ("postmortem-draft.md", beside)
    assert path.read_text() == edited
    assert beside.read_text().startswith("# Three\n")


def test_a_file_of_somebody_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "postmortem.md"
    path.write_bytes(b"mine \xff\n")
    assert keep(path, "# One\n").name == "postmortem-draft.md"
    assert path.read_bytes() == b"mine \xff\n"


def test_the_same_draft_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "postmortem.md"
    keep(path, "# One\n")
    before = path.stat().st_ino
    assert (keep(path, "# One\n"), path.stat().st_ino) == (path, before)
