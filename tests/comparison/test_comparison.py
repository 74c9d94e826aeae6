"""Comparing models: the ranking, what is refused and why, and the forms of the report."""

from __future__ import annotations

import csv
import dataclasses
import html.parser
import io
import json
import math
from pathlib import Path

import pytest

from lmkit import NgramLanguageModel
from lmkit._json import finite
from lmkit.comparison import tables
from lmkit.comparison.comparison import Extras, Statistics, compare
from lmkit.comparison.contestants import Contestant, Cost, family_of, parameters_of
from lmkit.comparison.page import render
from lmkit.comparison.reports import write_report
from lmkit.comparison.results import Comparison, NextWords
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.ranks import RankFigures, with_ranks
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit.wrappers.mixture import Mixture
from lmkit_corpora.generated.unifilar import UnifilarSource

SOURCE = UnifilarSource.random_ngrams(order=2, vocabulary_size=30, branching=4, end_probability=0.1, skew=1.0, seed=5)
TRAIN = SOURCE.sample(tokens=8000, seed=1).encode()
SAMPLE = SOURCE.sample(tokens=3000, seed=2).encode()


def read(options: TextOptions) -> EncodedCorpus:
    assert options == SAMPLE.options
    return SAMPLE


def ngram(order: int, **parameters: object) -> NgramLanguageModel:
    return NgramLanguageModel(order=order, **parameters).fit(TRAIN)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def contestants() -> list[Contestant]:
    models = [Contestant(f"order {n}", "n-gram", ngram(n), cost=Cost(training_seconds=0.1 * n, bytes=1000 * n)) for n in (1, 2, 3)]
    stupid = Contestant("stupid", "n-gram", ngram(2, smoothing="stupid-back-off"))
    unsmoothed = Contestant("unsmoothed", "n-gram", ngram(3, smoothing="maximum-likelihood"))
    return [*models, stupid, unsmoothed, Contestant("source", "source", events=SOURCE.score(SAMPLE), bound=True)]


@pytest.fixture(scope="module")
def comparison(contestants: list[Contestant]) -> Comparison:
    return compare(contestants, read, statistics=Statistics(resamples=300), training_counts=contestants[0].model.vocabulary.counts)  # type: ignore[union-attr]


def test_the_best_comes_first_and_what_is_no_probability_is_not_ranked(comparison: Comparison) -> None:
    names = [row.name for row in comparison.rows]
    assert names[:3] == ["order 2", "order 3", "order 1"]  # the source is a bigram source
    assert set(names[3:5]) == {"stupid", "unsmoothed"}
    reasons = {row.name: row.why_unranked for row in comparison.rows}
    assert "no probabilities" in reasons["stupid"]
    assert "impossible" in reasons["unsmoothed"]
    assert names[5] == "source"
    assert all(row.audit.passed for row in comparison.rows[:3] if row.audit is not None)


def test_no_model_beats_the_source_beyond_the_interval(comparison: Comparison) -> None:
    source = comparison.rows[-1]
    assert source.is_bound
    assert source.accounting.all.perplexity < comparison.best.accounting.all.perplexity
    assert source.versus_best is not None
    assert source.versus_best.high < 0  # significantly better than the best model
    assert abs(source.versus_best.bits) < 0.08  # and near to it: the same order, 8,000 words, of which a discount takes its share
    assert source.low < SOURCE.perplexity < source.high


def test_intervals_hold_the_perplexity_and_differences_are_paired(comparison: Comparison) -> None:
    for row in comparison.rows[:3]:
        assert row.low < row.accounting.all.perplexity < row.high
    second = comparison.rows[1]
    assert second.versus_best is not None
    gap = math.log2(second.accounting.all.perplexity) - math.log2(comparison.best.accounting.all.perplexity)
    assert second.versus_best.bits == pytest.approx(gap)
    # paired: the interval of the difference is far narrower than those of the two perplexities
    assert second.versus_best.high - second.versus_best.low < 0.5 * (math.log2(second.high) - math.log2(second.low))
    assert comparison.best.versus_best is None


def test_other_words_are_refused_and_bits_per_character_offered(contestants: list[Contestant]) -> None:
    fewer = Contestant("fewer", "n-gram", ngram(2, max_vocabulary_size=20))
    with pytest.raises(UsageError, match=r"know different words.*bits-per-character"):
        compare([contestants[1], fewer], read)
    stored = Contestant("stored", "n-gram", events=ngram(1, max_vocabulary_size=20).score(SAMPLE))
    found = compare([contestants[1], fewer, stored], read, measure="bits-per-character", statistics=Statistics(resamples=50))
    assert [row.name for row in found.rows] == ["order 2", "fewer", "stored"]
    assert found.rows[0].value < found.rows[1].value
    assert found.rows[1].low < found.rows[1].value < found.rows[1].high
    assert found.rows[1].versus_best is not None
    assert found.rows[1].versus_best.bits == pytest.approx(found.rows[1].value - found.rows[0].value)
    assert found.rows[1].accounting.unknown_words.count == 0  # each is spelled
    assert "fewer spells" in " ".join(found.notes)
    assert "a lower bound" in found.rows[2].why_unranked  # nobody knows the words of a stream without its vocabulary


def test_another_unit_is_refused_by_perplexity_and_taken_by_bits_per_character() -> None:
    text = "the cat sat\nthe dog ran\na cat ran\n" * 20
    characters = TextOptions(tokenizer="characters")
    models = [
        Contestant("words", "n-gram", NgramLanguageModel(order=2).fit(text)),
        Contestant("characters", "n-gram", NgramLanguageModel(order=6, reading=characters).fit(text)),
    ]
    with pytest.raises(UsageError, match="cut the same text into"):
        compare(models, lambda options: as_corpus(text, options))
    found = compare(models, lambda options: as_corpus(text, options), measure="bits-per-character")
    bits = [row.accounting.bits_per_character for row in found.rows]
    assert bits == sorted(bits)
    assert {row.accounting.characters for row in found.rows} == {len(text)}


def test_lower_casing_leaves_text_unpaid() -> None:
    text = "The cat sat\nthe dog ran\n" * 5
    models = [
        Contestant(name, "n-gram", NgramLanguageModel(order=1, reading=TextOptions(lowercase=lower)).fit(text))
        for name, lower in (("cased", False), ("lower", True))
    ]
    with pytest.raises(UsageError, match="lower lower-cases its text"):
        compare(models, lambda options: as_corpus(text, options), measure="bits-per-character")


def test_events_scored_elsewhere_take_part(contestants: list[Contestant]) -> None:
    model = contestants[1].model
    assert model is not None
    stored = Contestant("stored", "n-gram", events=model.score(SAMPLE))
    found = compare([contestants[0], stored], read, statistics=Statistics(resamples=50))
    assert found.best.name == "stored"
    assert found.best.audit is None


def test_equal_names_and_an_empty_text_are_refused(contestants: list[Contestant]) -> None:
    with pytest.raises(UsageError, match="have the name 'order 1'"):
        compare([contestants[0], dataclasses.replace(contestants[1], name="order 1")], read)
    with pytest.raises(InputError, match="no words"):
        compare(contestants[:2], lambda options: SAMPLE.sentence_range(0, 0))


def test_cards_tell_family_and_parameters() -> None:
    assert family_of({"kind": "ngram"}) == "n-gram"
    # a probability each, and a back-off weight for all but the longest
    assert parameters_of({"ngrams": [10, 20, 30]}) == 2 * (10 + 20) + 30
    assert parameters_of({"parameters": 7}) == parameters_of({"weights": 7}) == 7
    assert parameters_of({}) is None


def test_buckets_have_a_figure_for_each_row(comparison: Comparison) -> None:
    assert {"frequency", "hit_length", "position"} <= set(comparison.buckets)
    for _, rows in comparison.buckets.values():
        assert all(len(row.perplexity) == len(comparison.rows) for row in rows)


class _Page(html.parser.HTMLParser):
    """Collects rows of tables and whatever would need a network."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.outside: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.outside += [str(value) for name, value in attributes if name in ("src", "href") and value]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


def test_the_page_shows_the_rows_and_needs_no_network(comparison: Comparison) -> None:
    page = _Page()
    table = NextWords("the <i>", (("order 2", (("<b>text</b>", 0.25),)),))
    page.feed(render(dataclasses.replace(comparison, next_words=(table,))))
    assert all(address.startswith("#") or address == "data:," for address in page.outside)
    titles, rows = tables.cells(comparison)
    assert page.rows[0] == titles
    assert page.rows[1 : 1 + len(rows)] == rows
    assert ["order 2", "<b>text</b> 25.0 %"] in page.rows  # escaped, not markup


def test_ranks_of_models_and_of_their_mixtures(contestants: list[Contestant]) -> None:
    models = contestants[:3]
    held_out = SOURCE.sample(tokens=2000, seed=3).encode()
    found = compare(models, read, held_out=lambda _: held_out, extras=Extras(ranks=None), training_counts=models[0].model.vocabulary.counts)  # type: ignore[union-attr]
    rows = {row.name: row for row in found.rows}
    for one in models:
        assert one.model is not None
        events = with_ranks(one.model, one.model.score(SAMPLE))
        assert rows[one.name].ranks == RankFigures.of(events)
    mixture = Mixture([one.model for one in models], weights=[rows["mixture of all"].origin["weights"][one.name] for one in models])  # type: ignore[misc]
    alone = RankFigures.of(with_ranks(mixture, mixture.score(SAMPLE)))
    assert alone is not None
    assert rows["mixture of all"].ranks is not None
    assert rows["mixture of all"].ranks.accuracy == pytest.approx(alone.accuracy, abs=0.002)  # ties may break by rounding
    assert rows["mixture by frequency"].ranks is not None
    assert rows["mixture of all"].audit is not None
    assert rows["mixture of all"].audit.passed
    assert rows["mixture of all"].to_dict()["accuracy_at_5"] == rows["mixture of all"].ranks.accuracy[1]
    few = compare(models, read, extras=Extras(ranks=200))
    assert all(200 <= row.ranks.events < 260 for row in few.rows if row.ranks is not None)
    assert all(row.ranks is None for row in compare(models, read).rows)


def test_what_there_is_no_time_for_is_left_out_and_said(contestants: list[Contestant]) -> None:
    found = compare(contestants[:2], read, extras=Extras(ranks=None, samples=True, vectors=True, until=0.0))
    assert found.samples == found.next_words == found.vectors == ()
    assert all(row.ranks is None for row in found.rows)
    assert any("the time was spent" in note for note in found.notes)


def test_what_models_say_stands_side_by_side(contestants: list[Contestant]) -> None:
    found = compare(contestants, read, extras=Extras(samples=True, prompts=("w1 w2",), vectors=True))
    (table,) = found.next_words
    told = dict(table.models)
    assert set(told) == {"order 1", "order 2", "order 3", "unsmoothed"}  # stupid back-off has no probabilities, the source no model
    model = contestants[1].model
    assert told["order 2"] == tuple((word.token, pytest.approx(word.probability)) for word in model.next_words("w1 w2", top=5))  # type: ignore[union-attr]
    assert [name for name, _ in found.samples] == [name for name, _ in table.models]
    assert all(len(texts) == 3 for _, texts in found.samples)
    openings = compare(contestants, read, extras=Extras(samples=True)).next_words
    assert 1 <= len(openings) <= 3
    assert len(found.vectors) == 1  # one n-gram model for all
    assert found.vectors[0].scores["wordsim353"].asked == 0  # the source's words are no English
    assert json.dumps(finite(found.to_dict()))


def test_reports_in_every_form(comparison: Comparison, tmp_path: Path) -> None:
    for ending in (".html", ".json", ".csv", ".md", ".tex"):
        write_report(comparison, tmp_path / f"report{ending}")
    document = json.loads((tmp_path / "report.json").read_text())
    assert [model["name"] for model in document["models"]] == [row.name for row in comparison.rows]
    assert document["models"][4 if comparison.rows[4].name == "unsmoothed" else 3]["perplexity"] is None  # infinite
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text())))
    assert float(rows[0]["perplexity"]) == comparison.best.accounting.all.perplexity
    markdown = (tmp_path / "report.md").read_text().splitlines()
    assert len({line.count("|") for line in markdown}) == 1
    latex = (tmp_path / "report.tex").read_text()
    assert latex.count("\\\\") == len(comparison.rows) + 1
    with pytest.raises(UsageError, match=r"\.html"):
        write_report(comparison, tmp_path / "report.doc")


def test_the_picture_is_one(comparison: Comparison, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need the extra [plots]")
    curves = {row.name: [(1000, 2 * row.accounting.all.perplexity), (8000, row.accounting.all.perplexity)] for row in comparison.rows}
    path = tmp_path / "report.svg"
    write_report(dataclasses.replace(comparison, curves=curves), path)
    drawn = path.read_text()
    for row in comparison.rows:
        shown = math.isfinite(row.accounting.all.perplexity) and (not row.why_unranked or row.is_bound)
        assert (f"<!-- {row.name} -->" in drawn) == shown  # matplotlib writes the text of each label beside its outlines


def test_short_counts() -> None:
    assert [tables.short(n) for n in (None, 7, 1234, 12_345_678, 999_900)] == ["", "7", "1.23 k", "12.3 M", "1 M"]


def test_odd_names_break_no_form_of_the_report(comparison: Comparison) -> None:
    name = 'a, "b" | 100 % & $x_1 {y}# ~^ <i> \\ 語'
    odd = dataclasses.replace(comparison, rows=(dataclasses.replace(comparison.rows[0], name=name), *comparison.rows[1:]))
    assert next(csv.DictReader(io.StringIO(tables.to_csv(odd))))["name"] == name
    latex = r'a, "b" | 100 \% \& \$x\_1 \{y\}\# \textasciitilde{}\textasciicircum{} \textless{}i\textgreater{} \textbackslash{} 語'
    assert tables.to_latex(odd).splitlines()[4].startswith(f"{latex} & ")
    markdown = r'| a, "b" \| 100 % & $x_1 {y}# ~^ \<i> \\ 語 | '
    assert tables.to_markdown(odd).splitlines()[2].startswith(markdown)
    page = _Page()
    page.feed(render(odd))
    assert page.rows[1][0] == name
