"""The page in a real browser: it is clicked through, in both themes, at 400 and at 1600 pixels, with the keyboard and without a network.

Needs chromium and chromedriver, as Debian's packages chromium and chromium-driver install them, and is skipped where they are not.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fuzz.reference import Lowered, LoweredRow
from reports.document import document
from reports.page import page
from reports.tests.reports import KNOWN, ROWS, finding, record

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="chromium and chromedriver are not installed")

WIDTHS = (400, 1600)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--allow-file-access-from-files"),
)
_LOWERINGS = (LoweredRow("NEG64", "{rdst} = -{rdst}", "base64", (Lowered(("mips3 n64",), ("dsubu $a0, $zero, $a0",)),)),)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    assert CHROMIUM is not None
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    driver.implicitly_wait(2)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = document(record(finding(), finding("value NEG64")), [], {KNOWN.fingerprint: KNOWN}, ROWS, _LOWERINGS, Path.cwd())
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(found, {"value SUB64 n64": {"c": b"/* as C */", "elf": b"\x7fELF"}}))
    return path.as_uri()


def _open(browser: webdriver.Chrome, address: str, width: int = 1600, dark: bool = False) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
    browser.get("about:blank")
    browser.get(address)


def _shown(browser: webdriver.Chrome) -> list[str]:
    return [part.get_attribute("id") or "" for part in browser.find_elements(By.CSS_SELECTOR, ".part") if part.is_displayed()]


def test_one_part_is_shown_at_a_time(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, address)
    assert _shown(browser) == ["overview"]
    for name in ("findings", "matrix", "reference", "overview"):
        browser.find_element(By.CSS_SELECTOR, f'nav a[href="#{name}"]').click()
        assert _shown(browser) == [name]
        assert browser.find_element(By.CSS_SELECTOR, "nav a[aria-current]").get_attribute("hash") == f"#{name}"
    log = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert not [entry for entry in log if entry["level"] == "SEVERE"]


def test_from_the_overview_to_a_finding_and_its_exports(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, address)
    browser.find_element(By.LINK_TEXT, "value SUB64 n64").click()
    assert _shown(browser) == ["findings"]
    number = browser.execute_script("return location.hash")
    article = browser.find_element(By.CSS_SELECTOR, number)
    assert "n64, release r2" in article.text
    wrong = article.find_element(By.CSS_SELECTOR, ".steps .wrong")
    assert wrong.find_element(By.CSS_SELECTOR, ".differs").text == "r0=0xa"
    exports = article.find_elements(By.TAG_NAME, "summary")[-1]
    exports.click()
    assert "/* as C */" in article.text
    names = [link.get_attribute("download") for link in article.find_elements(By.LINK_TEXT, "Save")]
    assert names == ["value-SUB64-n64.h", "value-SUB64-n64.o"]


def test_a_cell_of_the_matrix_shows_its_cases(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, f"{address}#matrix")
    cell = browser.find_element(By.CSS_SELECTOR, 'button[aria-label^="SUB64_REG, n64 64r1-r5: 88 judged, 2 findings"]')
    assert "broken" in (cell.get_attribute("class") or "")
    cell.click()
    panel = browser.find_element(By.ID, "cell")
    assert "corpus/000000-1.toml" in panel.text
    assert cell.get_attribute("aria-pressed") == "true"
    uncovered = browser.find_element(By.CSS_SELECTOR, 'button[aria-label="SUB64_REG, o32 32r6: never judged"]')
    background = "return getComputedStyle(arguments[0]).backgroundImage"
    assert "gradient" in browser.execute_script(background, uncovered)
    assert "gradient" not in browser.execute_script(background, cell)
    panel.find_element(By.LINK_TEXT, "value SUB64 n64").click()
    assert _shown(browser) == ["findings"]


def test_the_matrix_is_filtered_and_walked_with_the_keyboard(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, f"{address}#matrix")
    browser.find_element(By.ID, "filter").send_keys("sub64")
    rows = [row for row in browser.find_elements(By.CSS_SELECTOR, ".matrix tbody tr") if row.is_displayed()]
    assert [row.get_attribute("data-name") for row in rows] == ["SUB64_IMM", "SUB64_REG"]
    assert browser.find_element(By.ID, "shown").text == "2 instructions"
    first = rows[0].find_element(By.TAG_NAME, "button")
    first.send_keys(Keys.ARROW_DOWN)
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert (browser.switch_to.active_element.get_attribute("aria-label") or "").startswith("SUB64_REG, o32 32r1-r5")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert "SUB64_REG" in browser.find_element(By.ID, "cell").text


def test_the_keyboard_reaches_what_it_must(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, address)
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the report"
    names = []
    for _ in range(5):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        names.append(browser.switch_to.active_element.text.split("\n")[0])
    assert [name.split()[0] for name in names[:4]] == ["Overview", "Findings", "Matrix", "Reference"]
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("part", ["overview", "findings", "matrix", "reference", "reference-mips", "reference-lowering"])
def test_nothing_is_wider_than_the_window(browser: webdriver.Chrome, address: str, part: str, width: int) -> None:
    _open(browser, f"{address}#{part}", width)
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width


def _luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 :].rstrip(")").split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


_COLOURS = """
const found = [];
for (const each of document.querySelectorAll("h1, .lead, .state, .note, nav a, dt, .steps code, .tiles li, .matrix button:not(.l0), td, th")) {
  if (!each.offsetParent || !each.textContent.trim()) continue;
  let ground = each;
  while (ground && getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
  found.push([each.className || each.tagName, getComputedStyle(each).color, getComputedStyle(ground || document.body).backgroundColor]);
}
return found;
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("part", ["overview", "findings", "matrix"])
def test_text_has_contrast(browser: webdriver.Chrome, address: str, part: str, dark: bool) -> None:
    """At least 4.5 to 1 (WCAG 2.1, success criterion 1.4.3)."""
    _open(browser, f"{address}#{part}", dark=dark)
    ground = _luminance(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.2) == dark
    found = browser.execute_script(_COLOURS)
    assert found
    for name, colour, behind in found:
        lighter, darker = sorted((_luminance(colour), _luminance(behind)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, colour, behind)


def test_everything_has_a_name_and_tables_have_headers(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, f"{address}#matrix")
    unnamed = """return [...document.querySelectorAll("a, button, input, [role=region], [role=img]")].filter((each) =>
        !(each.textContent.trim() || each.getAttribute("aria-label") || (each.labels && each.labels.length))).length"""
    assert browser.execute_script(unnamed) == 0
    assert browser.execute_script('return [...document.querySelectorAll("th")].filter((each) => !each.scope).length') == 0
    assert browser.execute_script("return document.documentElement.lang") == "en"
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


def test_all_parts_are_printed(browser: webdriver.Chrome, address: str) -> None:
    _open(browser, address)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert _shown(browser) == ["overview", "findings", "matrix", "reference"]
    assert not browser.find_element(By.TAG_NAME, "nav").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
