"""A container that stands for a machine: reached by ``docker exec`` and not by SSH, which some tests cut."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

__all__ = ["ContainedMachine"]


class ContainedMachine:
    """A container of the tests, called ``container``."""

    def __init__(self, container: str) -> None:
        self.container = container

    def exec(self, *argv: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command in it, as root."""
        return subprocess.run(
            ["docker", "exec", "-i", self.container, *argv], input=data, capture_output=True, check=False
        )

    def sh(self, script: str) -> str:
        """Run a script of the shell in it, which must succeed."""
        done = self.exec("sh", "-ec", script)
        assert done.returncode == 0, f"{self.container}: {script}: {done.stderr.decode()}"
        return done.stdout.decode().strip()

    def wait(self, condition: str, what: str, within: float = 90) -> None:
        """Wait until a condition of the shell holds in it: by one look there, as each from outside costs 0.1 s."""
        done = self.exec(*_until(condition, within))
        assert done.returncode == 0, f"{self.container}: after {within:g} s: {what} {done.stderr.decode()}"

    @contextlib.contextmanager
    def looking(self, condition: str, within: float) -> Iterator[subprocess.Popen[bytes]]:
        """The same look, which ends with 0 when the condition holds, and is not waited for."""
        argv = ["docker", "exec", self.container, *_until(condition, within)]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
            try:
                yield process
            finally:
                process.terminate()

    def background(self, *argv: str) -> None:
        """Start a command in it and do not wait for its end."""
        subprocess.run(["docker", "exec", "-d", self.container, *argv], check=True)

    def reboot(self) -> None:
        """Cut the power, and switch it on again."""
        subprocess.run(["docker", "kill", self.container], check=True, capture_output=True)
        subprocess.run(["docker", "start", self.container], check=True, capture_output=True)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let nothing run in it for a while."""
        subprocess.run(["docker", "pause", self.container], check=True, capture_output=True)
        try:
            yield
        finally:
            # One that was killed meanwhile is no longer paused.
            argv = ["docker", "inspect", "-f", "{{.State.Paused}}", self.container]
            if subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip() == "true":
                subprocess.run(["docker", "unpause", self.container], check=True, capture_output=True)


def _until(condition: str, within: float) -> tuple[str, ...]:
    return ("timeout", f"{within:g}", "sh", "-c", f"until {condition}; do sleep 0.1; done")
