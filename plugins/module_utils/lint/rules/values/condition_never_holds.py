"""A variable of nginx's is compared with a value of a form that it never has.

``$scheme`` has no ``://``, ``$host`` and ``$scheme`` are in small letters and methods in capitals, ``$host`` has no
port, and ``$ssl_client_s_dn`` is ``CN=shop,O=Shop`` since nginx 1.11.6, not ``/O=Shop/CN=shop``. An ``if`` for equality
with such a value is never true, and one for difference always.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....config.parse import Config, Directive
from ....verdicts.model import Finding
from ...context import LintContext
from ...findings import finding

LEVEL = "high"
EDITS_COUNT = True

# What no value of a variable matches, and what there is instead.
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "$scheme": (re.compile(r"^(?!https?$)"), "http or https"),
    "$request_scheme": (re.compile(r"^(?!https?$)"), "http or https"),
    "$https": (re.compile(r"^(?!on$|$)"), "on, or nothing"),
    "$request_method": (re.compile(r"[a-z]"), "methods in capitals"),
    "$host": (re.compile(r"[A-Z/]|:\d+$"), "a host in small letters, without a port"),
    "$ssl_client_s_dn": (re.compile(r"^/"), "CN=…,O=…; $ssl_client_s_dn_legacy has slashes"),
    "$ssl_client_i_dn": (re.compile(r"^/"), "CN=…,O=…; $ssl_client_i_dn_legacy has slashes"),
    "$ssl_client_verify": (re.compile(r"^(?!SUCCESS$|NONE$|FAILED)"), "SUCCESS, FAILED:… or NONE"),
    "$server_port": (re.compile(r"\D"), "a number"),
}
_SPECIAL = ("default", "hostnames", "volatile", "include")


def _compared(config: Config) -> Iterator[tuple[Directive, str, str]]:
    for directive in config.named("if"):
        words = list(directive.args)
        if len(words) == 3 and words[1] in ("=", "!="):
            yield directive, words[0], words[2]
    for block in config.named("map"):
        for row in block.block or ():
            if block.args and row.name not in _SPECIAL and not row.name.startswith("~"):
                yield row, block.args[0], row.name.removeprefix("\\")


def _never(form: re.Pattern[str], value: str, is_row: bool) -> bool:
    # A map does not distinguish capitals from small letters.
    spellings = (value, value.lower(), value.upper()) if is_row else (value,)
    return bool(value) and "$" not in value and all(form.search(each) for each in spellings)


def run(config: Config, context: LintContext) -> Iterator[Finding]:
    """Find comparisons of nginx's own variables with what they never are."""
    for directive, variable, value in _compared(config):
        form, instead = _FORMS.get(variable, (None, ""))
        if form and _never(form, value, directive.name != "if"):
            yield finding(
                directive,
                f"{variable} is never {value}: nginx has {instead}",
                expected=instead,
                fix="write the value as nginx has it",
            )
