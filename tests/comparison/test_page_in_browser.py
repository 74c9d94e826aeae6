"""What the page of a comparison shows, looked at in a real browser; skipped where none is installed."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comparison import chromium

from lmkit import NgramLanguageModel
from lmkit.comparison.comparison import Extras, Statistics, compare
from lmkit.comparison.contestants import Contestant, Cost
from lmkit.comparison.reports import write_report
from lmkit.comparison.results import Comparison
from lmkit_corpora.generated.unifilar import UnifilarSource

PROGRAM = chromium.find()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason=f"needs a browser: none of {', '.join(chromium.NAMES)} is installed"),
    pytest.mark.skipif(os.name != "posix", reason="the browser is spoken to over inherited pipes"),
]

SOURCE = UnifilarSource.random_ngrams(order=2, vocabulary_size=30, branching=4, end_probability=0.1, skew=1.0, seed=5)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    train, held_out, test = (SOURCE.sample(tokens=tokens, seed=seed).encode() for tokens, seed in ((4000, 1), (1000, 2), (1500, 3)))
    models = [
        Contestant(
            f"Kneser-Ney {n}-gram with a long name", "n-gram", NgramLanguageModel(order=n).fit(train), cost=Cost(0.1 * n, bytes=900 * n)
        )
        for n in (1, 2, 3, 4)
    ]
    models.append(Contestant("<b>unsmoothed</b>", "n-gram", NgramLanguageModel(order=3, smoothing="maximum-likelihood").fit(train)))
    counts = models[0].model.vocabulary.counts  # type: ignore[union-attr]
    found = compare(
        [*models, Contestant("true source", "source", events=SOURCE.score(test), bound=True)],
        lambda _: test,
        held_out=lambda _: held_out,
        statistics=Statistics(resamples=100),
        extras=Extras(ranks=300, log_linear=True, samples=True, prompts=("w1 w2",), vectors=True),
        training_counts=counts,
        notes=["A note that must be seen."],
    )
    curves = {row.name: [(1000, 2 * row.accounting.all.perplexity), (4000, row.accounting.all.perplexity)] for row in found.rows}
    return dataclasses.replace(found, curves=curves, made={"command": "lmkit compare text.txt", "seed": 0})


@pytest.fixture(scope="module")
def page(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(comparison, path)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    assert PROGRAM is not None
    with chromium.Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def column(browser: chromium.Browser, title: str) -> list[str]:
    """The cells of a column of the main table, as they stand."""
    return browser.evaluate(
        f"""(() => {{ const table = document.querySelector('table.sortable');
        const place = [...table.tHead.querySelectorAll('th')].findIndex(th => th.innerText.trim().startsWith({title!r}));
        return [...table.tBodies[0].rows].map(row => row.cells[place].innerText); }})()"""
    )


def press(browser: chromium.Browser, title: str) -> None:
    """Click on a column's title where it lies, as a mouse would."""
    place = browser.evaluate(
        f"""(() => {{ const button = [...document.querySelectorAll('table.sortable th button')].find(b => b.innerText.trim() === {title!r});
        button.scrollIntoView({{block: 'center', inline: 'center'}});
        const box = button.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"""
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)


def test_a_click_sorts_by_number_and_a_second_one_the_other_way(browser: chromium.Browser, page: Path, comparison: Comparison) -> None:
    browser.open(page, 1200)
    names = [row.name for row in comparison.rows]
    assert column(browser, "model") == names
    perplexity = {row.name: row.accounting.all.perplexity for row in comparison.rows}
    finite = sorted((name for name in names if math.isfinite(perplexity[name])), key=lambda name: perplexity[name])
    press(browser, "perplexity")
    assert column(browser, "model") == [*finite, "<b>unsmoothed</b>"]  # what has no finite perplexity stands last, either way
    assert browser.evaluate("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "ascending"
    press(browser, "perplexity")
    assert column(browser, "model") == [*finite[::-1], "<b>unsmoothed</b>"]
    assert browser.evaluate("document.querySelectorAll('th[aria-sort]').length") == 1
    press(browser, "family")
    assert column(browser, "family") == sorted(column(browser, "family"))


def test_titles_can_be_reached_and_pressed_from_the_keyboard(browser: chromium.Browser, page: Path) -> None:
    browser.open(page, 1200)
    browser.evaluate("document.querySelectorAll('table.sortable th button')[2].focus()")
    for kind, extra in (("rawKeyDown", {}), ("char", {"text": "\r"}), ("keyUp", {})):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, **extra)
    assert browser.evaluate("document.activeElement.parentElement.getAttribute('aria-sort')") == "ascending"


@pytest.mark.parametrize("width", [390, 768, 1200])
def test_nothing_runs_out_of_the_window(browser: chromium.Browser, page: Path, width: int) -> None:
    browser.open(page, width)
    assert browser.evaluate("innerWidth") == width  # the page is not zoomed out to fit
    assert browser.evaluate("document.documentElement.scrollWidth") <= browser.evaluate("document.documentElement.clientWidth")
    outside = browser.evaluate(
        """[...document.querySelectorAll('main *')].filter(e => !e.closest('.wide') && !e.closest('svg') && e.getClientRects().length &&
        (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_names_stay_in_view_on_a_phone(browser: chromium.Browser, page: Path) -> None:
    browser.open(page, 390)
    browser.evaluate("document.querySelector('.wide').scrollLeft = 300")
    name = browser.evaluate(
        "(() => { const b = document.querySelector('tr.best th').getBoundingClientRect(); return [b.left, b.width, b.height]; })()"
    )
    assert name[0] >= 0
    assert 100 <= name[1] <= 160
    assert name[2] < 100  # not a column of single letters


def test_pictures_are_legible_on_a_phone(browser: chromium.Browser, page: Path) -> None:
    browser.open(page, 390)
    sizes = browser.evaluate(
        """[...document.querySelectorAll('svg')].map(svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"""
    )
    assert len(sizes) >= 3  # two costs that are known, and the learning curves
    assert min(sizes) >= 10  # CSS pixels of their text
    labels = browser.evaluate(
        """[...document.querySelectorAll('svg text')].filter(t => {
        const a = t.getBoundingClientRect(), b = t.closest('svg').getBoundingClientRect();
        return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1; }).map(t => t.textContent)"""
    )
    assert labels == []  # none is cut off at an edge


_CONTRAST = """(() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c; }
    return [255, 255, 255, 1]; };
  const found = [];
  const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, e = node.parentElement;
    if (!node.data.trim() || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), ink = parse(e.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(e.closest('svg') ?? e))].sort((x, y) => y - x);
    found.push([(a + .05) / (b + .05), node.data.trim().slice(0, 40)]);
  }
  return found.sort((x, y) => x[0] - y[0]);
})()"""


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out(browser: chromium.Browser, page: Path, dark: bool) -> None:
    browser.open(page, 1200, dark=dark)
    found: list[Any] = browser.evaluate(_CONTRAST)
    assert len(found) > 200
    assert found[0][0] >= 4.5, found[:3]  # WCAG 2.2, success criterion 1.4.3


def test_what_the_page_shows_is_what_was_found(browser: chromium.Browser, page: Path, comparison: Comparison) -> None:
    browser.open(page, 1200)
    shown = browser.evaluate("document.querySelector('main').innerText")
    assert "A note that must be seen." in shown
    assert "lmkit compare text.txt" in shown
    for section in ("Perplexity with intervals", "Quality against cost", "Perplexity by words trained on", "Next words", "What they write"):
        assert section in shown
    widths = browser.evaluate(
        "[...document.querySelectorAll('.bars li')].map(li => li.querySelector('.fill').getBoundingClientRect().width)"
    )
    values = browser.evaluate("[...document.querySelectorAll('.bars li .value')].map(e => +e.innerText.replace(',', ''))")
    track = browser.evaluate("document.querySelector('.track').getBoundingClientRect().width")
    assert len(widths) == len(comparison.rows) - 1  # all but the one with an infinite perplexity
    for width, value in zip(widths, values, strict=True):
        assert width / widths[0] == pytest.approx(value / values[0], rel=0.02)
    assert max(widths) <= track
    line = browser.evaluate(
        "document.querySelector('.oracle').getBoundingClientRect().left - document.querySelector('.track').getBoundingClientRect().left"
    )
    assert line < min(widths) + 2  # no bar ends left of the source's line


def test_titles_are_aligned_as_their_columns(browser: chromium.Browser, page: Path) -> None:
    browser.open(page, 1200)
    differing = browser.evaluate(
        """[...document.querySelectorAll('table')].flatMap(table => [...table.tHead.rows[0].cells].filter((title, place) =>
        getComputedStyle(title).textAlign !== getComputedStyle(table.tBodies[0].rows[0].cells[place]).textAlign).map(t => t.innerText))"""
    )
    assert differing == []


def test_headings_tables_and_pictures_can_be_read_aloud(browser: chromium.Browser, page: Path) -> None:
    browser.open(page, 1200)
    assert browser.evaluate("document.documentElement.lang") == "en"
    levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert browser.evaluate("[...document.querySelectorAll('svg')].every(svg => svg.getAttribute('aria-label'))")
    assert browser.evaluate("[...document.querySelectorAll('thead th')].every(th => th.scope === 'col')")
    assert browser.evaluate("[...document.querySelectorAll('tbody tr')].every(r => r.cells[0].scope === 'row' && r.cells[0].innerText)")
    assert browser.evaluate("[...document.querySelectorAll('.wide')].every(e => e.tabIndex === 0 && e.getAttribute('aria-label'))")
    ids = browser.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids)
    assert browser.evaluate("[...document.querySelectorAll('nav a')].every(a => document.querySelector(a.getAttribute('href')))")


def test_it_prints_on_paper(browser: chromium.Browser, page: Path) -> None:
    browser.open(page, 1200)
    printed = browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]
    assert len(printed) > 20_000
    assert browser.evaluate("document.querySelector('details.print').open")  # the columns' meaning is on the paper
    browser.call("Emulation.setEmulatedMedia", media="print")
    # A4 across, less 12 mm on either side, is 1031 CSS pixels wide: no table may be cut off there
    browser.call("Emulation.setDeviceMetricsOverride", width=1031, height=700, deviceScaleFactor=1, mobile=False)
    widest = browser.evaluate("Math.max(...[...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right))")
    browser.call("Emulation.setEmulatedMedia", media="")
    assert widest <= 1032


def test_it_asks_for_nothing_and_complains_of_nothing(browser: chromium.Browser, page: Path) -> None:
    browser.requests.clear()
    browser.open(page, 1200)
    press(browser, "perplexity")
    assert {address.split("#")[0] for address in browser.requests} <= {page.as_uri()}
    assert browser.complaints == []  # of all that the tests above did, too
