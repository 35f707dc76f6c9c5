"""The errors that a person reads."""

from __future__ import annotations

__all__ = ["InputError", "SluiceError", "json_form"]

_MOST_SHOWN = 60


class SluiceError(Exception):
    """Something that the user must know: the text says what was found, what was expected and what to do."""


class InputError(SluiceError):
    """A value that the user wrote is wrong. The text begins with the path of the variable, as ``sites[0].root``."""

    def __init__(self, path: str, found: str) -> None:
        super().__init__(f"{path}: {found}")
        self.path = path


def json_form(path: str, value: object) -> str:
    """Return how to give ``value`` on the command line, where it arrived as the text of a list or mapping; else "".

    ``-e name=[]`` is a text for Ansible, and ``-e '{"name": []}'`` is a list.
    """
    if not (isinstance(value, str) and value.strip()[:1] in ("[", "{") and path.isidentifier()):
        return ""
    shown = value.strip() if len(value) <= _MOST_SHOWN and "'" not in value and value.isprintable() else "..."
    return f"; on the command line give it as JSON: -e '{{\"{path}\": {shown}}}'"
