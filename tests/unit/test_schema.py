"""How a mapping is read that a user wrote, by what its model declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.errors import InputError
from ansible_collections.sluice.nginx.plugins.module_utils.schema import (
    Given,
    Model,
    inline,
    key,
    keys,
    listing,
    mapping,
    one_of,
    reader,
    table,
)
from scripts.generate import options


@reader("str")
def text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InputError(where, "is not text")
    return value


@reader("str")
def where_it_stands(value: object, where: str) -> str:
    return where


@dataclass(frozen=True, kw_only=True)
class Wheel(Model):
    size: str = key(text, "How large.", required=True)


@reader("raw", Wheel)
def wheel(value: object, where: str) -> Wheel:
    return Wheel.read({"size": value} if isinstance(value, str) else value, where)


@dataclass(frozen=True, kw_only=True)
class Colours(Model):
    colour: str = key(one_of("red", "blue"), "The colour.", default="red")


@dataclass(frozen=True, kw_only=True)
class Car(Model):
    name: str = key(text, "The name.", required=True)
    wheels: tuple[Wheel, ...] = key(listing(mapping(Wheel)), "The wheels.", absent=())
    spare: Wheel | None = key(wheel, "A spare wheel.")
    origin: str | None = key(text, "Where it is from.", name="from")
    places: tuple[str, ...] = key(listing(where_it_stands), "Where.", default=["a", "b"])
    extras: dict[str, str] = key(table(text, text), "More.", default={})
    paint: Colours = inline(Colours)

    def check(self, given: Given) -> None:
        if "from" in given and self.name == "none":
            raise InputError(given.path("from"), "has no car")


def test_what_is_written_is_read() -> None:
    car = Car.read({"name": "a", "wheels": [{"size": "xl"}], "spare": "m", "from": "b", "colour": "blue"}, "cars[0]")
    assert (car.name, car.origin, car.paint.colour, car.source) == ("a", "b", "blue", "cars[0]")
    assert [each.source for each in car.wheels] == ["cars[0].wheels[0]"]
    assert car.spare
    assert (car.spare.size, car.spare.source) == ("m", "cars[0].spare")


def test_what_is_not_written_is_its_default() -> None:
    car = Car.read({"name": "a", "colour": None}, "cars[0]")
    assert (car.wheels, car.spare, car.origin, car.extras, car.paint.colour) == ((), None, None, {}, "red")


def test_items_that_nobody_wrote_have_no_numbers() -> None:
    assert Car.read({"name": "a"}, "cars[0]").places == ("cars[0].places", "cars[0].places")
    assert Car.read({"name": "a", "places": ["x"]}, "cars[0]").places == ("cars[0].places[0]",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a", "cars[0]: 'a' is not a mapping; expected the keys name, wheels, spare, from, places, extras, colour"),
        ({}, "cars[0]: 'name' is missing"),
        ({"name": "a", "color": "red"}, "cars[0]: unknown key 'color'; did you mean 'colour'?"),
        (
            {"name": "a", "zz": 1},
            "cars[0]: unknown key 'zz'; known are colour, extras, from, name, places, spare, wheels",
        ),
        ({"name": "a", "colour": "green"}, "cars[0].colour: 'green' is not known; use red or blue"),
        ({"name": "a", "wheels": [{"size": "m"}, {}]}, "cars[0].wheels[1]: 'size' is missing"),
        ({"name": "a", "spare": {"sise": 1}}, "cars[0].spare: unknown key 'sise'; did you mean 'size'?"),
        ({"name": "a", "extras": {"x": 1}}, "cars[0].extras.x: is not text"),
        ({"name": "none", "from": "b"}, "cars[0].from: has no car"),
    ],
)
def test_a_fault_is_told_with_its_path(value: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Car.read(value, "cars[0]")
    assert str(caught.value).startswith(message)


def test_the_keys_are_what_a_user_writes() -> None:
    assert list(keys(Car)) == ["name", "wheels", "spare", "from", "places", "extras", "colour"]


def test_the_options_of_an_argument_spec_are_what_is_declared() -> None:
    size = {"description": "How large.", "type": "str", "required": True}
    assert options(Car) == {
        "name": {"description": "The name.", "type": "str", "required": True},
        "wheels": {"description": "The wheels.", "type": "list", "elements": "dict", "options": {"size": size}},
        "spare": {"description": ["A spare wheel.", "The keys of a mapping are C(size)."], "type": "raw"},
        "from": {"description": "Where it is from.", "type": "str"},
        "places": {"description": "Where.", "type": "list", "elements": "str", "default": ["a", "b"]},
        "extras": {"description": "More.", "type": "dict", "default": {}},
        "colour": {"description": "The colour.", "type": "str", "choices": ["red", "blue"], "default": "red"},
    }


def test_a_value_that_arrived_as_text_is_given_as_json() -> None:
    with pytest.raises(InputError, match=r"; on the command line give it as JSON: -e '\{\"rows\": \[\]\}'$"):
        listing(text)("[]", "rows")
    with pytest.raises(InputError, match=r"; on the command line give it as JSON: -e '\{\"rows\": \{\}\}'$"):
        table(text, text)("{}", "rows")
