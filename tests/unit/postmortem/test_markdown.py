"""Text of others stays text, whatever it holds."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from ansible_collections.sluice.nginx.plugins.module_utils.postmortem.markdown import block, code, fact, plain, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "a *b* _c_ **d** __e__ ~~f~~",
    "`code` ``more`` ```",
    "`",
    "ends with a tick `",
    "<script>alert(1)</script> <b> &amp; &lt;",
    "[link](javascript:x) ![image](x) <http://x.example>",
    "a | b | c",
    "one\n# Head\n\n- item\n1. item\n> quote\n---\n    code\n```\nfence",
    "\\*escaped\\* \\",
    "location ~ \\.phpp$ { return 301 /a_b_c; }",
    "   ",
    "\x00\x1b[31mred\x1b[0m \u202eevil\u2028x \udcff",
]


def words(text: str) -> str:
    """What a reader takes for text in a paragraph, and that there is nothing else."""
    tokens = READER.parse(text)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "code_inline"}
    return "".join(child.content for child in children)


def shown(text: str) -> str:
    """What is left of a text in one line."""
    return "".join(letter if letter.isprintable() else "·" for letter in " ".join(text.split()))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_in_a_sentence_is_itself_and_nothing_more(text: str) -> None:
    assert words(f"it said {plain(text)}.") == f"it said {shown(text)}."


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_as_code_is_itself_and_nothing_more(text: str) -> None:
    assert words(f"it said {code(text)}.").replace("  ", " ") == f"it said {shown(text) or 'nothing'}.".replace(
        "  ", " "
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_in_a_block_end_where_the_block_does(text: str) -> None:
    tokens = READER.parse(f"{block(text)}\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content.count("\n") == text.rstrip("\n").count("\n") + 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_does_not_end_its_row(text: str) -> None:
    tokens = READER.parse(table(("host", "words"), [("web1", plain(text)), ("web2", "fine")]))
    assert sum(token.type == "td_open" for token in tokens) == 4


def test_no_text_is_a_formula() -> None:
    """GitHub makes one of what stands between two dollars, as of two variables in a sentence."""
    assert plain("$\\text{APPROVED}$ by $host and $uri") == "\\$\\\\text{APPROVED}\\$ by \\$host and \\$uri"


def test_long_texts_are_cut() -> None:
    assert plain("x" * 1000) == "x" * 399 + "…"
    assert block("line\n" * 100).splitlines()[-2] == "… and 60 more lines"


def test_a_fact_names_its_source() -> None:
    assert fact("it is so", "`run.json` `.run`") == "- it is so *(`run.json` `.run`)*"
