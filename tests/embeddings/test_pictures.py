"""Maps of words: coordinates, labels, pictures, and the page in a real browser where there is one."""

from __future__ import annotations

import html
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lmkit.embeddings.pictures.labels import place_labels
from lmkit.embeddings.pictures.page import page_data, write_page
from lmkit.embeddings.pictures.plot import vectors_plot
from lmkit.embeddings.pictures.relations import RELATIONS, known_pairs
from lmkit.embeddings.pictures.word_map import WordMap, principal_components, word_map
from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import UnknownWordError, UsageError

WORDS = ["king", "queen", "man", "woman", "</b><script>x", "fünf", "a&b", "zero"]


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    matrix = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    matrix[1], matrix[3] = matrix[0] + 1, matrix[2] + 1
    return WordVectors(WORDS, matrix, counts=np.arange(80, 0, -10))


class TestMap:
    def test_principal_components(self) -> None:
        """Points on the line t (3, 4, 0) + (1, 1, 1) lie at 5 t from their mean on the first axis, and at 0 on the second."""
        steps = np.array([-2.0, 0, 1, 5])
        rows = steps[:, None] * [3, 4, 0] + 1
        points, explained = principal_components(rows, rows, 2)
        assert points[:, 0] == pytest.approx(5 * (steps - 1))
        assert points[:, 1] == pytest.approx(0, abs=1e-12)
        assert explained == pytest.approx(1)

    def test_distances_are_those_of_the_projection(self, vectors: WordVectors) -> None:
        """Against scikit-learn's, up to signs."""
        from sklearn.decomposition import PCA

        drawn = word_map(vectors, WORDS)
        rows = vectors.unit.astype(float)
        fitted = PCA(2).fit(rows)
        assert np.abs(drawn.points) == pytest.approx(np.abs(fitted.transform(rows)), abs=1e-6)
        assert drawn.explained == pytest.approx(fitted.explained_variance_ratio_.sum(), abs=1e-6)

    def test_pairs_span_the_axes(self, vectors: WordVectors) -> None:
        """Words beside the pairs don't change where the pairs lie."""
        pairs = [("king", "queen"), ("man", "woman")]
        alone, with_others = word_map(vectors, [], pairs), word_map(vectors, ["zero", "king"], pairs)
        assert with_others.words == ("king", "queen", "man", "woman", "zero")
        assert with_others.points[:4] == pytest.approx(alone.points)
        assert alone.pairs.tolist() == [[0, 1], [2, 3]]

    def test_tsne_keeps_groups_together(self) -> None:
        rng = np.random.default_rng(1)
        centres = rng.normal(size=(2, 20)) * 5
        matrix = np.concatenate([centre + rng.normal(size=(35, 20)) for centre in centres]).astype(np.float32)
        model = WordVectors([f"w{i}" for i in range(70)], matrix)
        drawn = word_map(model, list(model.words))
        assert (drawn.method, drawn.explained) == ("tsne", None)
        first, second = drawn.points[:35], drawn.points[35:]
        gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
        assert gap > 2 * max(first.std(), second.std())
        assert np.array_equal(word_map(model, list(model.words)).points, drawn.points)

    def test_refusals(self, vectors: WordVectors) -> None:
        with pytest.raises(UsageError, match="at least two different words"):
            word_map(vectors, ["king", "king"])
        with pytest.raises(UnknownWordError, match="'quen'.*queen"):
            word_map(vectors, ["king", "quen"])
        with pytest.raises(UsageError, match="at least four words; there are 3"):
            word_map(vectors, WORDS[:3], method="tsne")

    def test_relations(self) -> None:
        known, unknown = known_pairs("capitals", {"France", "Paris", "italy", "rome", "japan"})
        assert known == [("France", "Paris"), ("italy", "rome")]
        assert len(unknown) == len(RELATIONS["capitals"]) - 2


class TestLabels:
    def test_none_covers_another(self) -> None:
        points = np.random.default_rng(2).uniform(0, 400, (120, 2))
        widths = np.random.default_rng(3).uniform(20, 60, 120)
        centres = place_labels(points, widths, 10, 3)
        placed = np.flatnonzero(~np.isnan(centres[:, 0]))
        assert 40 < len(placed) < 120
        for i, j in itertools.combinations(placed, 2):
            across, along = np.abs(centres[i] - centres[j])
            assert across >= (widths[i] + widths[j]) / 2 - 1e-9 or along >= 10 - 1e-9
        for i in placed:
            inside = (np.abs(points - centres[i]) < np.array([widths[i] / 2, 5])).all(axis=1)
            assert not inside.any()

    def test_first_ones_are_kept(self) -> None:
        points = np.zeros((40, 2))
        assert not np.isnan(place_labels(points, np.full(40, 30.0), 10, 3, keep=40)).any()
        assert np.isnan(place_labels(points, np.full(40, 30.0), 10, 3)).any()

    def test_away_from_an_arrow(self) -> None:
        centres = place_labels(np.array([[0.0, 0.0]]), np.array([20.0]), 10, 3, away=np.array([[-1.0, 0.1]]))
        assert centres[0].tolist() == [-13.0, 0.0]


class TestPicture:
    @pytest.fixture(autouse=True)
    def _matplotlib(self) -> None:
        pytest.importorskip("matplotlib")

    def test_svg_holds_all_words(self, vectors: WordVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import matplotlib

        monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")  # words as text instead of outlines
        drawn = word_map(vectors, WORDS, [("king", "queen"), ("man", "woman")])
        assert vectors_plot(drawn, tmp_path / "x.svg", "Title & more") == 0
        texts = [element.text for element in ElementTree.parse(tmp_path / "x.svg").iter("{http://www.w3.org/2000/svg}text")]
        assert {*WORDS, "Title & more"} <= set(texts)

    def test_png_and_pdf(self, vectors: WordVectors, tmp_path: Path) -> None:
        for ending, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF")):
            vectors_plot(word_map(vectors, WORDS), tmp_path / f"x{ending}")
            assert (tmp_path / f"x{ending}").read_bytes().startswith(start)
        with pytest.raises(UsageError, match="written as .png, .svg, .pdf or .html"):
            vectors_plot(word_map(vectors, WORDS), tmp_path / "x.bmp")

    def test_crowded_labels_are_left_out(self, tmp_path: Path) -> None:
        count = 300
        crowd = WordMap(
            tuple(f"word{i}" for i in range(count)), np.random.default_rng(0).normal(size=(count, 2)), np.empty((0, 2)), "pca", 0.5
        )
        assert 0 < vectors_plot(crowd, tmp_path / "x.png") < count


def embedded(page: str) -> dict:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    return json.loads(match[1])


class TestPage:
    def page(self, vectors: WordVectors, folder: Path, script: str = "") -> Path:
        write_page(word_map(vectors, WORDS[2:], [("king", "queen")]), vectors, folder / "page.html", 'A "title" <b>', neighbours=3)
        path = folder / "page.html"
        if script:  # a visitor's hands: run behind the page's own script, with what happened left in the title
            own = "<script>window.addEventListener('error', (e) => { document.title = 'error: ' + e.message; });</script>"
            text = path.read_text(encoding="utf-8").replace("<head>", f"<head>{own}", 1)
            path.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
        return path

    def test_data(self, vectors: WordVectors, tmp_path: Path) -> None:
        data = embedded(self.page(vectors, tmp_path).read_text(encoding="utf-8"))
        shown = data["names"][: data["count"]]
        assert shown == ["king", "queen", *WORDS[2:]]
        for place, word in enumerate(shown):
            expected = vectors.most_similar(word, top=3)
            assert [data["names"][near] for near in data["near"][place]] == [near.word for near in expected]
            assert data["similarity"][place] == [round(near.similarity, 3) for near in expected]
        assert data["counts"] == [vectors.counts[vectors.index(word)] for word in shown]
        drawn = word_map(vectors, WORDS[2:], [("king", "queen")])
        across, down = np.array([data["x"], data["y"]]) / data["span"] * np.ptp(drawn.points, axis=0).max()
        assert np.ptp(across) == pytest.approx(np.ptp(drawn.points[:, 0]), rel=1e-3)
        assert down - down[0] == pytest.approx(-(drawn.points[:, 1] - drawn.points[0, 1]), abs=1e-3)

    def test_neighbours_outside_the_map(self, vectors: WordVectors) -> None:
        data = page_data(word_map(vectors, ["king", "zero"]), vectors, "t", 7)
        assert len(data["names"]) == 8
        assert data["count"] == 2

    def test_a_large_map_leads_from_word_to_word(self) -> None:
        model = WordVectors([f"w{i}" for i in range(400)], np.random.default_rng(4).normal(size=(400, 5)).astype(np.float32))
        data = page_data(word_map(model, list(model.words)[:250], method="pca"), model, "t", 5)
        assert data["names"] == list(model.words)[:250]
        assert data["among"] == "the words on this map"

    def test_it_asks_nothing_of_the_network(self, vectors: WordVectors, tmp_path: Path) -> None:
        text = self.page(vectors, tmp_path).read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert not re.search(r"https?:|src=|@import|url\(|fetch\(|XMLHttpRequest", text)
        assert text.count("<script") == 2  # a word that looks like a script stays data
        assert "<title>A &quot;title&quot; &lt;b&gt;</title>" in text

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("script", "expected"),
        [
            ('byId("search").value = "fün"; byId("form").requestSubmit(); document.title = byId("name").textContent;', "fünf"),
            (
                'byId("search").value = "king"; byId("form").requestSubmit();'
                'document.title = [...byId("near").querySelectorAll("li")].map((li) => li.innerText.replace(/\\s+/g, " ")).join("|");',
                None,
            ),
            (
                'const before = scale; byId("in").click(); const zoomed = scale / before; byId("all").click();'
                "document.title = `${zoomed.toFixed(2)} ${(scale / before).toFixed(2)}`;",
                "1.40 1.00",
            ),
            (
                'const at = left; canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" })); document.title = left - at;',
                "60",
            ),
            (
                "const press = (type, i) => { const e = new PointerEvent(type, { pointerId: 1, clientX: sx(i) "
                "+ canvas.getBoundingClientRect().left, clientY: sy(i) + canvas.getBoundingClientRect().top }); canvas.dispatchEvent(e); };"
                "canvas.setPointerCapture = () => {}; press('pointerdown', 1); press('pointerup', 1); document.title = words[chosen];",
                "queen",
            ),
            (
                "draw(); const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data; let marked = 0;"
                "for (let i = 3; i < pixels.length; i += 4) marked += pixels[i] > 0; document.title = marked > 500 ? 'drawn' : marked;",
                "drawn",
            ),
        ],
    )
    def test_in_a_browser(self, vectors: WordVectors, tmp_path: Path, script: str, expected: str | None) -> None:
        browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if browser is None:
            pytest.skip("no Chromium here to open the page with")
        path = self.page(vectors, tmp_path, script)
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000"]
        run = subprocess.run([browser, *options, "--dump-dom", path.as_uri()], capture_output=True, timeout=120, check=True)
        title = re.search(r"<title>(.*?)</title>", run.stdout.decode(), re.DOTALL)
        assert title is not None
        if expected is None:
            expected = "|".join(f"{near.word} {near.similarity:.3f}" for near in vectors.most_similar("king", top=3))
        assert html.unescape(title[1]) == expected
