"""The two helpers for ``with`` that the engine uses, without ``contextlib`` and what that loads."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType
    from typing import Any

__all__ = ["contextmanager", "suppress"]


class suppress:  # named as the original is
    """Go on behind the block when one of ``errors`` is raised in it."""

    def __init__(self, *errors: type[BaseException]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        return kind is not None and issubclass(kind, self._errors)


class _Managed:
    """Runs a generator to its ``yield``, and on from there when the block has ended."""

    def __init__(self, steps: Generator[Any, None, None]) -> None:
        self._steps = steps

    def __enter__(self) -> Any:
        return next(self._steps)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            for _ in self._steps:
                raise RuntimeError("the generator did not stop")
            return False
        try:
            self._steps.throw(error)
        except StopIteration as stop:
            # One that the block raised itself is not the generator's end.
            return stop is not error
        except BaseException as raised:
            # A generator turns a StopIteration into this.
            turned = isinstance(error, StopIteration) and isinstance(raised, RuntimeError)
            if raised is not error and not (turned and raised.__cause__ is error):
                raise
            error.__traceback__ = trace
            return False
        raise RuntimeError("the generator did not stop after an error")


def contextmanager(make: Callable[..., Generator[Any, None, None]]) -> Callable[..., _Managed]:
    """Make a generator with one ``yield`` into what ``with`` takes."""

    def managed(*arguments: Any, **named: Any) -> _Managed:
        return _Managed(make(*arguments, **named))

    managed.__doc__ = make.__doc__
    managed.__name__ = make.__name__
    return managed
