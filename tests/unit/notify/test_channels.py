"""Lists of channels: what is refused, in words that have no part of a URL."""

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.notify.channels import Channel, read_channels, read_events

from .servers import SECRET


def test_a_channel_goes_by_its_scheme_and_its_number() -> None:
    urls = [f"mailtos://ada:{SECRET}@mail.example", f"Slack://{SECRET}/x", f" mailtos://bob:{SECRET}@mail.example\n"]
    assert read_channels("notify_team", urls) == [
        Channel("mailtos #1", urls[0]),
        Channel("slack #2", urls[1]),
        Channel("mailtos #3", urls[2].strip()),
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (f"slack://{SECRET}", "notify_team: a text is not a list; give a list of Apprise URLs, such as [mailtos://…]"),
        ({SECRET: 1}, "notify_team: a mapping is not a list; give a list of Apprise URLs, such as [mailtos://…]"),
        (None, "notify_team: nothing is not a list; give a list of Apprise URLs, such as [mailtos://…]"),
        ([{"url": SECRET}], "notify_team[0]: a mapping is no URL; give one that Apprise knows, such as mailtos://…"),
        (["json://x", 7], "notify_team[1]: a number is no URL; give one that Apprise knows, such as mailtos://…"),
        (
            ["json://x", f"hooks.example/{SECRET}"],
            "notify_team[1]: is no URL: it does not begin with a scheme and ://, such as mailtos:// or slack://",
        ),
        (
            ["slack://"],
            "notify_team[0]: is no URL: it does not begin with a scheme and ://, such as mailtos:// or slack://",
        ),
    ],
)
def test_what_is_no_list_of_urls_is_refused_without_showing_it(value: object, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_channels("notify_team", value)
    assert str(refused.value) == words


@pytest.mark.parametrize("value", [["stopped", "broken"], "stopped, broken"])
def test_events_are_named(value: object) -> None:
    assert read_events("notify_events", value) == {"stopped", "broken"}


@pytest.mark.parametrize("value", [[], ""])
def test_no_event_is_a_choice(value: object) -> None:
    assert read_events("notify_events", value) == frozenset()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            ["stopped", "rolled back"],
            "notify_events[1]: there is no event 'rolled back'; give any of started, confirmed, stopped, rolled_back, "
            "broken, drift, resolved",
        ),
        (
            {"stopped": True},
            "notify_events: a mapping is not a list; give any of started, confirmed, stopped, rolled_back, broken, "
            "drift, resolved",
        ),
    ],
)
def test_an_unknown_event_is_refused(value: object, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_events("notify_events", value)
    assert str(refused.value) == words
