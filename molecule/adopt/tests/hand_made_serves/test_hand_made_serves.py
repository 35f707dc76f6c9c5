"""What was made by hand is live, byte by byte, with its owners and modes."""

from __future__ import annotations

import os
from pathlib import Path

import client
from story import live, name_of, ports, state
from testinfra.host import Host

LISTING = Path(__file__).parents[2] / "files/listing.sh"


def test_the_tree_is_as_it_was(host: Host) -> None:
    before = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], f"{name_of(host)}.txt").read_text()
    assert "secret.txt f 460 www-data:adm" in before
    assert host.run(LISTING.read_text()).stdout.split() == before.split()


def test_it_answers(host: Host) -> None:
    status, answer = client.ask(client.Question("any.example", "http", "/", ""), ports(host))
    assert (status, answer.endswith("made by hand\n")) == (200, True), answer


def test_it_is_the_confirmed_release(host: Host) -> None:
    known = state(host)
    assert known["pending"] is None
    assert known["confirmed"]["release"] == known["live"] == live(host)
    assert known["releases"][known["live"]]["origin"] == "adopted"
