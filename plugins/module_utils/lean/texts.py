"""Looking at texts where a regular expression would first have to be compiled."""

from __future__ import annotations

__all__ = ["fits"]


def fits(text: str, form: str) -> bool:
    """Tell whether ``text`` has the form ``form``, in which ``0`` stands for any digit."""
    return len(text) == len(form) and all(
        "0" <= letter <= "9" if wanted == "0" else letter == wanted for letter, wanted in zip(text, form)
    )
