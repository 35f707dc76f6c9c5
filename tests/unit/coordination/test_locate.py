"""Which store an address means, and what is said of one that means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.coordination.etcd import EtcdStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.file_store import FileStore
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.locate import open_store
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.model import StoreLogin, check_key, key_part
from ansible_collections.sluice.nginx.plugins.module_utils.coordination.nats import NatsStore
from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("file", FileStore),
        ("file:///srv/rollouts", FileStore),
        ("nats://store.example", NatsStore),
        ("nats://one:4222,two:4222,[::1]:4222/fleet", NatsStore),
        ("etcd://store.example:2379", EtcdStore),
        ("etcd://store.example:2379/fleet/", EtcdStore),
    ],
)
def test_an_address_means_a_store(url: str, kind: type, tmp_path: Path) -> None:
    assert isinstance(open_store(StoreLogin(url), tmp_path), kind)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "'' is no store; give file, file:///FOLDER, nats://HOST:4222/BUCKET"),
        ("redis://store", "is no store"),
        ("file://relative", "is no store"),
        ("nats://", "is no store"),
        ("nats://store/a/b", "is no store"),
        ("etcd://store:0", "'store:0' is no address"),
        ("etcd://store:99999", "is no address"),
        ("etcd://sto re", "is no address"),
        ("nats://ann:secret@store", "the address has a user in it"),
    ],
)
def test_any_other_address_is_refused(url: str, words: str) -> None:
    with pytest.raises(InputError, match=r"^rollout_store: ") as said:
        open_store(StoreLogin(url))
    assert words in str(said.value)
    assert "secret@" not in str(said.value)


@pytest.mark.parametrize("name", ["web1", "web1.example.org", "", "a/b", "wéb", "=", "..", "\udcff", "*", ">"])
def test_any_name_becomes_a_word_of_a_key(name: str) -> None:
    assert check_key(key_part(name)) == key_part(name)


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "a.b", "a b", "a/*", "a/>", "a\n"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        check_key(key)


def test_no_password_is_printed() -> None:
    assert "hunter2" not in repr(StoreLogin("etcd://store", "ann", "hunter2"))
