"""The report in a real browser: it can be used, read and printed by everybody, and fetches nothing.

Skipped where playwright or a browser is not installed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dataset.report.test_report import HOSTILE, exported, hostile, record

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "a"
    turns = [{"role": "user", "content": "안녕하세요?"}, {"role": "assistant", "content": "네, 안녕하세요."}]
    records = [*hostile(), *(record(number) for number in range(100, 180)), record(101), record(500, output="")]
    records += [
        record(501, output="죄송하지만 답할 수 없습니다."),
        record(502, history=turns, reasoning="생각해 본다."),
    ]
    records += [
        record(503, output="\u200b보이지 않는 글자가 있었다.  "),
        record(104, instruction="104번  문장을 짧게 요약해줘"),
    ]
    exported(records, folder)
    return folder


class Opened:
    """The report, opened. `faults`: messages of the console. `requests`: addresses that were asked for."""

    def __init__(self, browser: Any, folder: Path, query: str = "", **options: Any) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.faults.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.faults.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"{(folder / 'report.html').as_uri()}{query}")

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def opened(browser: Any, folder: Path) -> Iterator[Opened]:
    found = Opened(browser, folder, "?lang=en")
    yield found
    assert found.faults == []
    assert [url for url in found.requests if not url.startswith(folder.as_uri())] == []
    found.close()


def shown(page: Any) -> int:
    return int(page.locator("#found").inner_text().split()[-1].replace(",", ""))


def test_the_search_finds_rows(opened: Opened) -> None:
    page = opened.page
    every = shown(page)
    page.fill("#query", "죄송하지만 답할")
    assert page.locator("#rows mark").first.inner_text() == "죄송하지만"
    assert shown(page) == 1 < every
    page.fill("#query", "없는 말입니다 zzz")
    assert "No sampled row fits" in page.locator("#found").inner_text()
    page.click("form#search button[type=reset]")
    page.wait_for_function(f"() => document.querySelector('#found').textContent.endsWith('{every}')")


def test_a_number_leads_to_its_rows(opened: Opened) -> None:
    page = opened.page
    page.click("#reasons a[href*='output-blank']")
    page.wait_for_function("() => document.querySelector('#facet').value.includes('output-blank')")
    cards = page.locator("#rows .row")
    assert cards.count() == shown(page) > 0
    assert all("validate: output-blank" in text for text in cards.all_inner_texts())
    page.click("#duplicates a[href*='rows/difference']")
    page.wait_for_function("() => document.querySelector('#facet').value.startsWith('difference/')")
    page.locator("#rows .row summary").first.click()
    assert "104번 문장을 짧게 요약해 주세요." in page.locator("#rows .row").first.inner_text()


def test_more_rows_are_shown(opened: Opened) -> None:
    page = opened.page
    assert page.locator("#rows .row").count() == 20
    page.click("#more")
    assert page.locator("#rows .row").count() == 40


def test_the_language_is_switched(opened: Opened) -> None:
    page = opened.page
    assert page.locator("#h-funnel").inner_text() == "Rows through the stages"
    page.click("#language")
    assert page.locator("#h-funnel").inner_text() == "단계별 행의 흐름"
    assert page.locator("html").get_attribute("lang") == "ko"
    assert page.locator("#found").inner_text().endswith("개 행")
    assert "남은 행" in page.locator("#facet").inner_text()


def test_the_address_chooses_language_and_colours(browser: Any, folder: Path) -> None:
    for query, language, colour in (("?lang=ko&theme=dark", "ko", "dark"), ("?lang=en&theme=light", "en", "light")):
        found = Opened(browser, folder, query)
        assert found.page.locator("html").get_attribute("lang") == language
        assert found.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == colour
        found.close()
    korean = Opened(browser, folder, locale="ko-KR")
    assert korean.page.locator("html").get_attribute("lang") == "ko"
    korean.close()


def test_hostile_texts_stay_texts(opened: Opened) -> None:
    page = opened.page
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, object, embed, base").count() == 0
    for text in HOSTILE[:6]:
        page.fill("#query", text)
        assert shown(page) > 0, text
        assert text in page.locator("#rows .row").first.text_content()
    page.fill("#query", "")
    for kind in ("source", "flag", "fix"):
        options = page.locator(f"#facet option[value^='{kind}/']").evaluate_all("all => all.map(one => one.value)")
        page.select_option("#facet", next(option for option in options if "<" in option))
        assert shown(page) > 0
    assert page.locator("#rows a").count() == 0, "Markdown is text"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_it(browser: Any, folder: Path, width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = Opened(browser, folder, f"?lang=ko&theme={theme}", viewport={"width": width, "height": 900})
    found.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    violations = axe.Axe().run(found.page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(one["id"], one["impact"], [node["html"][:200] for node in one["nodes"][:3]]) for one in violations] == []
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    found.close()


def test_it_is_used_by_the_keyboard(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(300):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if "facet" in reached:
            break
    assert {"language", "theme", "query", "facet"} <= reached


def test_it_is_read_without_scripts_and_on_paper(browser: Any, folder: Path) -> None:
    found = Opened(browser, folder, java_script_enabled=False)
    assert "need JavaScript" in found.page.locator("#sample").inner_text()
    assert re.search(r"rows in\s+\d", found.page.locator("header").inner_text())
    found.page.emulate_media(media="print")
    assert not found.page.locator("#search").is_visible()
    assert found.page.pdf()[:5] == b"%PDF-"
    found.close()
