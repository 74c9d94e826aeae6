"""The same numbers as KenLM: golden files made by lmplz and the PyPI module `kenlm` (tests/golden/make_ngram_goldens.py)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from lmkit import NgramLanguageModel, load
from lmkit.text.encoding import as_corpus

DATA = Path(__file__).parents[1] / "golden" / "data"
CASES = {"generated-o2": 2, "generated-o3": 3, "generated-o5": 5, "generated-o6": 6, "odd-o3": 3, "odd-o1": 1}


def trained(case: str) -> NgramLanguageModel:
    return NgramLanguageModel(order=CASES[case]).fit(DATA / f"{case.split('-')[0]}.txt")


def arpa_entries(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    """Every n-gram of an ARPA file with its two numbers, parsed by plain Python."""
    entries = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) >= 2:
                entries[tuple(fields[1].split(" "))] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    return entries


@pytest.mark.parametrize("case", CASES)
def test_every_ngram_has_lmplz_probability_and_back_off(case: str, tmp_path: Path) -> None:
    trained(case).write_arpa(tmp_path / "m.arpa.gz")
    ours, theirs = arpa_entries(tmp_path / "m.arpa.gz"), arpa_entries(DATA / f"{case}.arpa.gz")
    assert next(iter(ours)) == ("<unk>",)
    assert ours.keys() == theirs.keys()
    differences = np.array([np.subtract(ours[ngram], theirs[ngram]) for ngram in theirs])
    assert np.abs(differences).max() < 1e-5


@pytest.mark.parametrize("case", [case for case, order in CASES.items() if order > 1])
@pytest.mark.parametrize("origin", ["trained", "read from KenLM's ARPA"])
def test_scores_of_unseen_text_are_kenlm_s(case: str, origin: str) -> None:
    model = trained(case) if origin == "trained" else load(DATA / f"{case}.arpa.gz")
    expected = json.loads(gzip.decompress((DATA / f"{case}.scores.json.gz").read_bytes()))
    events = model.score(as_corpus(DATA / "held-out.txt", model.text_options))
    flat = [event for sentence in expected for event in sentence]
    assert len(flat) == len(events)
    log10, length, oov = (np.array(column) for column in zip(*flat, strict=True))
    np.testing.assert_allclose(events.log_probabilities / np.log(10), log10, atol=2e-5)
    np.testing.assert_array_equal(events.is_oov, oov)
    np.testing.assert_array_equal(events.hit_length[~events.is_oov], length[~oov])
    assert oov.sum() > 30  # the held-out text does hold unknown words


def test_small_texts_say_that_their_discounts_fall_back() -> None:
    model = trained("odd-o3")
    assert sum("fallback discounts 0.5, 1, 1.5" in note for note in model.notes_) == 3
    assert not any("fallback" in note for note in trained("generated-o5").notes_)
