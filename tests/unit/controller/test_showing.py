"""What is printed is text: for a terminal, and for the service that runs the job."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from ansible_collections.sluice.nginx.plugins.module_utils.errors import SluiceError
from ansible_collections.sluice.nginx.plugins.module_utils.redactor.redactor import Redactor
from ansible_collections.sluice.nginx.plugins.plugin_utils.controller import ControllerAction
from ansible_collections.sluice.nginx.plugins.plugin_utils.showing import printable_text, show, show_text, warn

SERVICES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
ODD = (
    "::error::x\n  ::add-mask::y\nz ##[error]a\x1b[2J\u202e ##vso[task.complete]b ##teamcity[buildStop] ##VSO[x]\n"
    "section_start:1:a\r\x1b[0K"
)


class Screen:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str | None]] = []

    def display(self, text: str, color: str | None = None) -> None:
        self.lines.append((text, color))

    def warning(self, text: str) -> None:
        self.lines.append((text, "warning"))


@pytest.fixture(params=[None, *SERVICES])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)
    if request.param:
        monkeypatch.setenv(request.param, "true")
    return request.param  # type: ignore[no-any-return]


def test_no_line_is_a_command(service: str | None) -> None:
    screen = Screen()
    show(screen, f"::error::first {ODD}", color="red")
    warn(screen, f"::error::first {ODD}")
    show_text(screen, ODD, Redactor({"S3CR3T-1"}), color="red")
    show_text(screen, "::set-env name=a::S3CR3T-1", Redactor({"S3CR3T-1"}))
    told = [text for text, _ in screen.lines]
    if service == "GITHUB_ACTIONS":
        assert told[2].startswith("::stop-commands::")
        assert told[4] == f"::{told[2].removeprefix('::stop-commands::')}::"
        assert told[5] != told[2], "a token for each"
        told = [*told[:2], told[3], told[6]]
    for text in told:
        assert not {"\x1b", "\r", "\u202e"} & set(text)
        assert "S3CR3T" not in text
        if service:
            assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
            assert "##" not in text
    assert "\n" not in told[0] + told[1], "a line is one"
    assert [color for _, color in screen.lines][:2] == ["red", "warning"]


def test_why_a_task_failed_is_text_as_well(service: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})

    class Failing(ControllerAction):
        @classmethod
        def argument_spec(cls) -> dict[str, dict[str, Any]]:
            return {}

        def work(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
            raise SluiceError(f"it failed: {ODD}; GET http://a/?token=S3CR3T")

    action: Any = Failing.__new__(Failing)
    action.validate_argument_spec = lambda argument_spec: (None, {})
    result = action.run(None, {})
    assert result["failed"]
    assert "\x1b" not in result["msg"]
    assert "S3CR3T" not in result["msg"]
    assert not [line for line in result["msg"].split("\n")[1:] if line.startswith("::error") and service]
    assert printable_text("a\nb") == "a\nb"
