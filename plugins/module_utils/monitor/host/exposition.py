"""Prometheus' text format, as far as it is needed here."""

from __future__ import annotations

from ...untrusted import printable

__all__ = ["Metrics"]

_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Metrics:
    """What is told at one moment. A metric has one kind and one help, and a value for each set of labels."""

    def __init__(self) -> None:
        self._heads: dict[str, tuple[str, str]] = {}
        self._values: dict[str, list[str]] = {}

    def gauge(self, name: str, help_text: str, value: float, **labels: object) -> None:
        """Tell a value that goes up and down."""
        self._add("gauge", name, help_text, value, labels)

    def counter(self, name: str, help_text: str, value: float, **labels: object) -> None:
        """Tell a value that only grows, until this program starts anew."""
        self._add("counter", name, help_text, value, labels)

    def _add(self, kind: str, name: str, help_text: str, value: float, labels: dict[str, object]) -> None:
        self._heads[name] = (kind, help_text)
        inside = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
        shown = f"{name}{{{inside}}}" if inside else name
        self._values.setdefault(name, []).append(f"{shown} {value:.15g}")

    def text(self) -> str:
        """Return all of it, a metric after the other, as the format wants them."""
        lines: list[str] = []
        for name, (kind, help_text) in self._heads.items():
            lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *self._values[name]]
        return "\n".join(lines) + "\n"


def _label(text: object) -> str:
    """Return a label's value, which others may have written, in a form that any reader takes."""
    return printable(str(text), keep="\n").translate(_ESCAPED)
