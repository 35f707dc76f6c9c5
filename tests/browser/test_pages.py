"""The pages as Chromium shows them: what a person reads, on which screen, and with what help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.unit.record.samples import SAMPLES

PAGES = [*SAMPLES, "history"]
# Between them they have all that a page can have.
FULL = ["stopped", "rolled back", "hostile", "history"]
_TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  const beyond = [...document.querySelectorAll("body *")]
    .filter(each => each.checkVisibility() && each.getBoundingClientRect().right > wide + 1)
    .filter(each => !each.closest(".lane, .axis, svg"));
  return [document.documentElement.scrollWidth - wide, beyond.slice(0, 3).map(each => each.outerHTML.slice(0, 200))];
}"""
_OPEN = "() => document.querySelectorAll('details').forEach(each => { each.open = true })"

Shown = Callable[..., Any]
Scheme = Literal["light", "dark"]


@pytest.fixture
def shown(browser: Browser, page_of: Callable[[str], Path]) -> Shown:
    """Show a page: ``with shown(name, wide, scheme) as (page, asked)``; ``asked`` are the addresses that it fetched."""

    @contextmanager
    def show(name: str, wide: int, scheme: Scheme = "light", **more: Any) -> Iterator[tuple[Page, list[str]]]:
        context = browser.new_context(viewport={"width": wide, "height": 900}, color_scheme=scheme, **more)
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
        page.on("console", lambda message: asked.append(f"console {message.text}"))
        page.goto(page_of(name).as_uri())
        yield page, asked
        context.close()

    return show


@pytest.mark.parametrize("name", PAGES)
def test_it_fetches_nothing_runs_nothing_and_is_not_wider_than_the_screen(
    shown: Shown, page_of: Callable[[str], Path], name: str
) -> None:
    with shown(name, 1440) as (page, asked):
        page.wait_for_load_state("networkidle")
        if name != "large":
            page.evaluate(_OPEN)
        for wide in (1440, 360):
            page.set_viewport_size({"width": wide, "height": 900})
            assert page.evaluate("() => document.documentElement.clientWidth") == wide
            assert (wide, page.evaluate(_TOO_WIDE)) == (wide, [0, []])
        assert [each for each in asked if each != "data:,"] == [page_of(name).as_uri()]
        assert page.title() != "taken"


@pytest.mark.parametrize("name", ["rolled back", "history"])
def test_nothing_is_wider_than_the_paper(shown: Shown, name: str) -> None:
    with shown(name, 720) as (page, _):
        page.emulate_media(media="print")
        assert page.evaluate(_TOO_WIDE) == [0, []]
        assert page.locator("nav").count() == 0 or not page.locator("nav").is_visible()


@pytest.mark.parametrize(("scheme", "wide"), [("light", 1440), ("dark", 360)])
@pytest.mark.parametrize("name", FULL)
def test_nobody_is_kept_from_reading_it(shown: Shown, name: str, scheme: Scheme, wide: int) -> None:
    with shown(name, wide, scheme) as (page, _):
        page.evaluate(_OPEN)
        found = Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in grave] == []


def test_light_and_dark_differ(shown: Shown) -> None:
    backs = []
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for scheme in schemes:
        with shown("confirmed", 1440, scheme) as (page, _):
            backs.append(page.evaluate("() => getComputedStyle(document.body).backgroundColor"))
    assert len(set(backs)) == 2


def test_without_javascript_a_gate_opens_into_its_evidence(shown: Shown) -> None:
    with shown("confirmed", 1440, java_script_enabled=False) as (page, _):
        check = page.get_by_text("GET http://shop.example/", exact=True)
        assert not check.is_visible()
        page.get_by_text("Evidence of smoke").click()
        assert check.is_visible()


def test_what_failed_is_open_already(shown: Shown) -> None:
    with shown("stopped", 1440, java_script_enabled=False) as (page, _):
        assert page.get_by_role("heading", level=1).inner_text().endswith("Stopped: no host was touched")
        assert page.get_by_text("fix the line, or the check").is_visible()
        assert page.get_by_role("heading", name="Culprit").is_visible()
        assert page.locator("#culprit ~ pre .add").first.inner_text().strip().endswith("index.phpp;")


def test_the_time_line_tells_each_host_to_who_cannot_see_it(shown: Shown) -> None:
    with shown("rolled back", 1440, java_script_enabled=False) as (page, _):
        table = page.get_by_role("table", name="What each host was asked and when")
        rows = [row.inner_text() for row in table.get_by_role("row").all()][1:]
        assert [row.split()[0] for row in rows] == ["web1", "web2", "web3"]
        assert all("rolled back" in row for row in rows)
        lane = table.get_by_role("img").nth(2)
        assert "one round of checks and logs, 1 NOT well" in str(lane.get_attribute("aria-label"))
        widths = [part.bounding_box() for part in lane.locator("b").all()]
        assert all(box and box["width"] >= 2 for box in widths)


def test_the_index_leads_to_each_report(shown: Shown) -> None:
    with shown("history", 360, java_script_enabled=False) as (page, _):
        rows = page.get_by_role("table", name="Every run below this folder").get_by_role("row").all()[1:]
        assert len(rows) == len(SAMPLES) + 1
        damaged = page.get_by_role("row").filter(has_text="damaged")
        assert "is damaged" in damaged.inner_text()
        page.locator("tbody a").first.click()
        assert page.get_by_role("heading", level=1).is_visible()


@pytest.mark.parametrize("wide", [360, 1440])
def test_the_index_has_the_figures_of_the_team(shown: Shown, wide: int) -> None:
    with shown("history", wide, java_script_enabled=False) as (page, _):
        section = page.get_by_role("region", name="Since 2025-10-20")
        names = section.get_by_role("term").all_inner_texts()
        said = dict(zip(names, section.get_by_role("definition").all_inner_texts(), strict=True))
        assert list(said) == [
            "Deployments",
            "Lead time",
            "Failed changes",
            "Time to detect",
            "Time to restore",
            "Stopped by gates",
            "Drift",
        ]
        assert said["Deployments"].startswith(("1.0", "2.0", "3.0", "4.0", "5.0"))
        weeks = section.get_by_role("table", name="Runs by week").get_by_role("row").all()[1:]
        assert len(weeks) == 12
        assert "2025-12-29" in weeks[-2].inner_text()
        bars = [bar.bounding_box() for bar in weeks[-2].locator(".bar-good").all()]
        assert bool(bars and bars[0] and bars[0]["width"] > 5) == (wide > 400), "bars are for wide screens"
        gates = section.get_by_role("table", name="What gates have stopped")
        assert "smoke" in gates.inner_text()
