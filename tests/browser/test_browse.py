"""browse in a real browser: rows are found and read, verdicts are given by keys, and a text of the data is never more
than a text. Skipped where playwright or a browser is not installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.browse.server import Server
from pipeline.io.verdict_file import read_verdicts
from tests.browse.built import HOSTILE, build, serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("project"))


class Opened:
    """The page, opened. `faults`: messages of its console, errors and dialogs."""

    def __init__(self, browser: Any, server: Server, **options: Any) -> None:
        self.context = browser.new_context(
            **({"viewport": {"width": 1280, "height": 860}, "locale": "en-US"} | options)
        )
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.faults.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(server.address)
        self.page.wait_for_selector("#rows button")

    def origins(self) -> list[str]:
        shown: list[str] = self.page.locator("#rows .small .quiet").all_inner_texts()
        return shown

    def wait_for_rows(self, count: int) -> None:
        shown = "wanted => document.querySelectorAll('#rows button').length === wanted"
        self.page.wait_for_function(shown, arg=count)

    def wait_for_record(self, origin: str) -> None:
        self.page.wait_for_function(
            "wanted => document.querySelector('#origin')?.textContent.startsWith(wanted)", arg=origin
        )


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(folder, tmp_path / "v.jsonl") as server:
        yield server


@pytest.fixture
def opened(browser: Any, server: Server) -> Iterator[Opened]:
    opened = Opened(browser, server)
    yield opened
    opened.context.close()
    assert opened.faults == []


def test_a_text_of_the_data_is_a_text(opened: Opened) -> None:
    opened.wait_for_record("a.jsonl:1")
    for tab in ("Conversation", "Tokens", "Details"):
        opened.page.get_by_role("button", name=tab, exact=True).click()
        opened.page.wait_for_timeout(200)
    opened.page.get_by_role("button", name="Conversation").click()
    assert HOSTILE in opened.page.locator(".message.user .text").inner_text()
    opened.page.keyboard.press("f")
    assert HOSTILE in opened.page.locator("textarea[data-place=output]").input_value()
    assert opened.page.evaluate("window.hit") is None
    assert opened.page.locator("#record img, #rows img, #record script").count() == 0


def test_the_token_is_nowhere_in_the_address_or_the_requests(opened: Opened, server: Server) -> None:
    assert opened.page.url == f"http://127.0.0.1:{server.server_port}/"
    assert all(server.token not in url.partition("#")[0] for url in opened.requests)
    assert all(url.startswith(f"http://127.0.0.1:{server.server_port}/") for url in opened.requests)
    opened.page.reload()
    opened.page.wait_for_selector("#rows button")


def test_search_condition_and_fault(opened: Opened) -> None:
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("날씨")
    opened.page.keyboard.press("Enter")
    opened.wait_for_rows(2)
    assert opened.origins() == ["a.jsonl:2", "chats.jsonl:1"]
    assert opened.page.locator("#rows mark").first.inner_text() == "날씨"
    counted = "() => document.querySelector('#count').textContent === '2 of 6 rows'"
    opened.page.wait_for_function(counted)
    opened.page.keyboard.press("c")
    opened.page.keyboard.type("len(history) > 0 and")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector("#fault:not([hidden])")
    assert "is expected here" in opened.page.locator("#fault").inner_text()
    assert opened.page.locator("#record button").count() == 0, "no row that can be judged stays"
    opened.faults.clear()  # the browser reports the answer 400
    opened.page.get_by_role("button", name="Clear").click()
    opened.wait_for_rows(6)
    assert opened.page.locator("#fault").is_hidden()


def test_a_joiner_within_an_emoji_is_not_hidden(opened: Opened) -> None:
    shown = """text => import("/dom.js").then(({ block }) => block(text).textContent)"""
    emoji = "👩\u200d👩\u200d👧 ❤️\u200d🔥 👩🏽\u200d🚀"
    assert opened.page.evaluate(shown, emoji) == emoji
    assert opened.page.evaluate(shown, "가\u200d나 👩\u200d가") == "가U+200D나 👩U+200D가"


def test_verdicts_by_keys(opened: Opened, server: Server) -> None:
    opened.wait_for_record("a.jsonl:1")
    opened.page.keyboard.press("d")
    opened.wait_for_record("a.jsonl:2")
    opened.page.keyboard.press("n")
    opened.page.keyboard.type("날씨는 바뀐다")
    opened.page.keyboard.press("Escape")
    opened.page.keyboard.press("f")
    opened.page.locator("textarea[data-place=output]").fill("비가 옵니다.")
    opened.page.keyboard.press("Control+Enter")
    opened.wait_for_record("a.jsonl:5")
    opened.page.keyboard.press("k")
    opened.wait_for_record("a.jsonl:2")
    assert opened.page.locator(".now").inner_text() == "Verdict: fixed 날씨는 바뀐다"
    found = {key.origin: verdict for key, verdict in read_verdicts(server.answers.verdict_file).items()}
    assert {origin: one.verdict for origin, one in found.items()} == {"a.jsonl:1": "drop", "a.jsonl:2": "fix"}
    assert found["a.jsonl:2"].texts == {"output": "비가 옵니다."}
    opened.page.keyboard.press("u")
    opened.page.wait_for_selector(".now", state="detached")
    assert [key.origin for key in read_verdicts(server.answers.verdict_file)] == ["a.jsonl:1"]
    opened.page.select_option("[name=judged]", "no")
    opened.wait_for_rows(5)


def test_a_key_is_a_place_on_the_keyboard(opened: Opened) -> None:
    """A Korean keyboard writes ㅓ where j is."""
    opened.wait_for_record("a.jsonl:1")
    event = "new KeyboardEvent('keydown', { key: 'ㅓ', code: 'KeyJ', bubbles: true })"
    opened.page.evaluate(f"document.body.dispatchEvent({event})")
    opened.wait_for_record("a.jsonl:2")


def test_pairs_thoughts_and_unseen_characters_are_shown(opened: Opened) -> None:
    opened.page.get_by_text("pairs.jsonl:1").click()
    opened.wait_for_record("pairs.jsonl:1")
    better, worse = (opened.page.locator(f".pair > :nth-child({place})").bounding_box() for place in (1, 2))
    assert better["y"] == worse["y"]
    assert better["x"] + better["width"] <= worse["x"]
    opened.page.get_by_text("chats.jsonl:1").click()
    opened.wait_for_record("chats.jsonl:1")
    assert opened.page.locator(".thought").inner_text() == "도구가 21도를 돌려주었다."
    opened.page.select_option("[name=part]", "rejected")
    opened.wait_for_rows(2)
    opened.page.get_by_text("a.jsonl:4").click()
    opened.wait_for_record("a.jsonl:4")
    assert opened.page.locator(".message.user .text").inner_text() == "겨울 U+202E음식을 추천해 줘."
    assert opened.page.get_by_role("button", name="Keep").is_disabled()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_korean_on_every_width_without_a_fault_for_anybody(
    browser: Any, server: Server, width: int, theme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    opened = Opened(
        browser, server, viewport={"width": width, "height": 844}, locale="ko-KR", color_scheme=theme, bypass_csp=True
    )
    opened.page.get_by_text("pairs.jsonl:1").click()
    opened.wait_for_record("pairs.jsonl:1")
    assert opened.page.locator("html").get_attribute("lang") == "ko"
    assert opened.page.get_by_role("button", name="유지").is_visible()
    for key in ("", "f", "Escape", "t", "Shift+Slash"):
        if key:
            opened.page.keyboard.press(key)
            opened.page.wait_for_timeout(150)
        found = axe.run(opened.page).response["violations"]
        assert [(one["id"], one["help"]) for one in found if one["impact"] in ("serious", "critical")] == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.context.close()
    assert opened.faults == []
