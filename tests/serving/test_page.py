"""The page in a real browser: headless Chromium, driven by Playwright."""

import re
import shutil

import pytest

from keras_attn.serving import KeySettings, ModelSettings, ServerSettings, new_key
from tests.serving.running_server import RunningServer
from tests.serving.serving_models import write_reader, write_sorter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("needs Chromium, which Debian's package `chromium` brings. Received: no command `chromium`")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(browser, plain_folder, tmp_path_factory):
    """A server with a key, of a model that reads texts and of one that takes numbers."""
    folder = tmp_path_factory.mktemp("models")
    write_reader(folder / "reader" / "1")
    write_sorter(folder / "sorter" / "1")
    key, digest = new_key()
    models = [ModelSettings(str(path)) for path in (folder / "reader", folder / "sorter", plain_folder)]
    running = RunningServer(ServerSettings(models, keys=[KeySettings("ada", digest)]), in_process=True)
    running.key = key
    yield running
    running.stop()


@pytest.fixture
def page(browser, site):
    """The page with its key; what goes wrong in it, and what it asks elsewhere, fails the test."""
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    page, problems = context.new_page(), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: problems.append(r.url) if not r.url.startswith(address(site)) else None)
    page.goto(address(site))
    page.get_by_label("This server wants a key").fill(site.key)
    page.get_by_label("This server wants a key").press("Enter")
    page.locator("#ask:enabled").wait_for()  # the model's signatures are known
    yield page
    assert not problems
    context.close()


def address(site):
    return f"http://{site.host}:{site.port}/"


def ask(page, text):
    page.get_by_label("Your text").fill(text)
    page.get_by_label("Your text").press("Enter")
    page.locator("#grid td[data-row]").first.wait_for()


def test_a_text_its_answer_and_the_map(page):
    ask(page, "one two three")
    assert page.locator("#best .big").inner_text() == "three two one"
    assert "score: -3.25" in page.locator("#best .facts").inner_text()
    ranks = page.locator("#ranks li")
    assert ranks.count() == 2 and ranks.nth(0).locator(".what").inner_text() == "three two one"
    assert page.locator("#grid thead th").all_inner_texts()[1:] == ["one", "two", "three"]
    assert page.locator("#grid tbody th").all_inner_texts() == ["three", "two", "one"]
    page.locator("#grid td[data-row='0'][data-column='2']").hover()
    assert page.locator("#readout").inner_text() == "“three” looked at “three” with 83.3 %"
    weights = page.evaluate(
        "[...document.querySelectorAll('#strip span')].map(s => +s.style.getPropertyValue('--weight'))"
    )
    assert weights == pytest.approx([0.0833, 0.0833, 0.8333], abs=1e-3)


def test_the_map_by_keyboard(page):
    ask(page, "one two")
    page.locator("#grid td[tabindex='0']").focus()
    for key, words in (
        ("ArrowRight", "“two” looked at “two”"),
        ("ArrowDown", "“one” looked at “two”"),
        ("ArrowDown", "“one” looked at “two”"),  # there is no further row
        ("ArrowLeft", "“one” looked at “one”"),
    ):
        page.keyboard.press(key)
        assert words in page.locator("#readout").inner_text()


def test_a_text_is_shown_as_text(page):
    ask(page, "<img src=x onerror=alert(1)> & 'more'")
    assert page.locator("#best .big").inner_text().startswith("'more' &")
    assert page.locator("#best img").count() == 0


def test_classes_and_weights_of_words(page):
    page.get_by_label("Model").select_option("sorter")
    page.locator("#ask:enabled").wait_for()
    page.get_by_label("Your text").fill("a bcd")
    page.get_by_label("Your text").press("Enter")
    page.locator("#strip span").first.wait_for()
    assert page.locator("#best .big").inner_text() == "long"
    assert page.locator("#best .facts").inner_text() == "score: 0.8333"
    assert page.locator("#ranks li").all_inner_texts() == ["long\n0.8333", "short\n0.1667"]
    assert page.locator("#strip span").evaluate_all("all => all.map(s => s.title)") == ["25.0 %", "75.0 %"]


def test_numbers(page):
    page.get_by_label("Model").select_option("plain")
    page.locator("#ask:enabled").wait_for()
    box = page.get_by_label("The inputs, as JSON")
    box.fill("[1, 2, 5]")
    box.press("Control+Enter")
    page.locator("#best .facts").wait_for()
    assert page.locator("#best .facts").inner_text() == "y: [3.5,4,5.5]"
    heights = page.evaluate("[...document.querySelectorAll('.bars i')].map(i => +i.style.getPropertyValue('--share'))")
    assert heights == pytest.approx([3.5 / 5.5, 4 / 5.5, 1])
    page.get_by_text("As a request").click()
    assert re.search(
        r"curl .*'\{\"signature_name\":\"serving_default\",\"inputs\":\[1,2,5\]\}' http://127",
        page.locator("#curl").inner_text(),
    )
    box.fill("[1, 'a']")
    box.press("Control+Enter")
    assert "no JSON" in page.get_by_role("alert").inner_text()
    box.fill('["a"]')
    box.press("Control+Enter")
    page.locator("#error", has_text="takes a number").wait_for()


def test_a_narrow_screen(page):
    page.set_viewport_size({"width": 360, "height": 700})
    ask(page, "a rather long text of many words that cannot stand in one line of such a screen at all")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#ask").bounding_box()
    assert box["height"] >= 36 and box["x"] >= 0
