"""The errors that a person reads."""

from __future__ import annotations

__all__ = ["InputError", "SluiceError"]


class SluiceError(Exception):
    """Something that the user must know: the text says what was found, what was expected and what to do."""


class InputError(SluiceError):
    """A value that the user wrote is wrong. The text begins with the path of the variable, as ``sites[0].root``."""

    def __init__(self, path: str, found: str) -> None:
        super().__init__(f"{path}: {found}")
        self.path = path
