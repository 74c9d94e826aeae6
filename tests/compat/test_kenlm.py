"""The stand-in for the module `kenlm`: its golden answers, and the module's own where it is installed."""

from __future__ import annotations

import copy
import gzip
import json
import math
import pickle
from pathlib import Path
from types import ModuleType

import pytest

from lmkit import load
from lmkit.compat import kenlm as ours

DATA = Path(__file__).parents[1] / "golden" / "data"
HELD_OUT = (DATA / "held-out.txt").read_text().splitlines()
ODD = [
    "",
    " ",
    "a",
    "a\tb\n c",
    "a\0b c",
    "a b\0 \0 a",
    "a a a b b b b a c",
    "xyz",
    "<unk> a",
    "a </s>",
    "  a  ",
    "ünïcödé a",
    "a\x0bb\x0cc\x01d",
    "a" * 50,
]


def golden(name: str) -> list[list[list[float]]]:
    return json.loads(gzip.decompress((DATA / f"{name}.scores.json.gz").read_bytes()))


def file_of(name: str, folder: Path) -> str:
    """An ARPA file, or a binary file unpacked."""
    arpa = DATA / f"{name}.arpa.gz"
    if arpa.exists():
        (folder / f"{name}.arpa").write_bytes(gzip.decompress(arpa.read_bytes()))
        return str(folder / f"{name}.arpa")
    (folder / f"{name}.bin").write_bytes(gzip.decompress((DATA / f"{name}.bin.gz").read_bytes()))
    return str(folder / f"{name}.bin")


@pytest.mark.parametrize("name", ["generated-o2", "generated-o3", "generated-o5", "generated-o6", "odd-o3"])
def test_full_scores_are_kenlm_s_to_the_bit(name: str, tmp_path: Path) -> None:
    model = ours.Model(file_of(name, tmp_path))
    assert model.order == int(name[-1])
    for line, expected in zip(HELD_OUT, golden(name), strict=True):
        assert [list(event) for event in model.full_scores(line)] == expected
        assert model.score(line) == pytest.approx(math.fsum(event[0] for event in expected), abs=1e-4)
        assert model.perplexity(line) == pytest.approx(10 ** (-model.score(line) / (len(line.split()) + 1)))


@pytest.mark.parametrize("name", ["generated-o3-quant-trie", "odd-o3-quant-array-trie", "pruned-suffixes-probing", "pruned-suffixes-trie"])
def test_binaries_too(name: str, tmp_path: Path) -> None:
    model = ours.Model(file_of(name, tmp_path))
    lines, scores = json.loads(gzip.decompress((DATA / f"{name}.scores.json.gz").read_bytes()))
    for line, expected in zip(lines, scores, strict=True):
        assert [list(event) for event in model.full_scores(line)] == [[pytest.approx(log10, abs=1e-6), *rest] for log10, *rest in expected]


@pytest.mark.parametrize("name", ["generated-o5", "generated-o3-probing", "generated-o3-trie"])
def test_states_word_by_word_give_the_sentence_s_scores(name: str, tmp_path: Path) -> None:
    model = ours.Model(file_of(name, tmp_path))
    for line in HELD_OUT[:40]:
        state, following = ours.State(), ours.State()
        model.BeginSentenceWrite(state)
        expected = list(model.full_scores(line))
        for word, (log10, length, oov) in zip([*line.split(), "</s>"], expected, strict=True):
            full = model.BaseFullScore(state, word, ours.State())
            assert (full.log_prob, full.ngram_length, full.oov) == (log10, length, oov)
            assert model.BaseScore(state, word, following) == log10
            state, following = following, state


def test_states_compare_by_the_words_that_matter(tmp_path: Path) -> None:
    model = ours.Model(file_of("pruned-suffixes", tmp_path))
    begin, empty, other = ours.State(), ours.State(), ours.State()
    model.BeginSentenceWrite(begin)
    model.NullContextWrite(empty)
    assert begin != empty
    assert empty < begin
    assert begin >= empty
    model.BaseScore(begin, "a", other)  # <s> a
    third = ours.State()
    model.BaseScore(empty, "a", third)  # a alone
    assert other > third
    copied = copy.deepcopy(other)
    assert copied == other
    assert pickle.loads(pickle.dumps(other)) == other
    assert hash(copied) == hash(other)
    assert len({begin, empty, other, third, copied}) == 4
    model.BaseScore(empty, "xyz", third)
    assert third == empty  # nothing begins with an unknown word


def test_words_and_looks(tmp_path: Path) -> None:
    path = file_of("odd-o3", tmp_path)
    model = ours.LanguageModel(path)
    assert "a" in model
    assert b"a" in model
    assert "xyz" not in model
    assert "<unk>" not in model
    assert model.path == path.encode()
    assert repr(model) == "<Model from b'odd-o3.arpa'>"
    assert pickle.loads(pickle.dumps(model)).score("a b") == model.score("a b")
    assert repr(ours.FullScoreReturn(-1.5, 2, False)) == "FullScoreReturn(-1.5, 2, False)"
    assert ours.Model(path, ours.Config()).score(b"a b") == model.score("a b")
    with pytest.raises(TypeError, match="Cannot convert 3 to string"):
        model.score(3)  # type: ignore[arg-type]


def test_what_can_t_be_read_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"Cannot read model .*no such file"):
        ours.Model(str(tmp_path / "nothing"))
    (tmp_path / "m").write_text("text")
    with pytest.raises(OSError, match="neither a model"):
        ours.Model(str(tmp_path / "m"))


def test_lmkit_s_own_files_are_opened(tmp_path: Path) -> None:
    load(DATA / "odd-o3.arpa.gz").save(tmp_path / "m.lm")
    assert ours.Model(tmp_path / "m.lm").score("a b") == ours.Model(file_of("odd-o3", tmp_path)).score("a b")


def test_long_sentences_and_many_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    model = ours.Model(file_of("generated-o3", tmp_path))
    lines = [*HELD_OUT, " ".join(HELD_OUT) * 3, *HELD_OUT] * 5
    expected = [model.score(line) for line in lines]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(model.score, lines)) == expected


@pytest.fixture(scope="module")
def theirs() -> ModuleType:
    return pytest.importorskip("kenlm", reason="the module kenlm is not installed (pip install lmkit[peers])")


FILES = ["generated-o5", "odd-o3", "generated-o3-probing", "generated-o3-trie", "odd-o3-rest-probing", "pruned-suffixes-probing"]


@pytest.mark.peers
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("eos", [True, False])
def test_answers_are_those_of_the_module(name: str, bos: bool, eos: bool, theirs: ModuleType, tmp_path: Path) -> None:
    path = file_of(name, tmp_path)
    ours_model, their_model = ours.Model(path), theirs.Model(path)
    lines = [*HELD_OUT[:60], *ODD, "a b c d a b", "c a b c"]
    for line in lines:
        assert ours_model.score(line, bos=bos, eos=eos) == their_model.score(line, bos=bos, eos=eos), repr(line)
        assert list(ours_model.full_scores(line, bos=bos, eos=eos)) == list(their_model.full_scores(line, bos=bos, eos=eos)), repr(line)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["generated-o5", "generated-o3-probing", "pruned-suffixes-probing"])
def test_states_equal_order_and_hash_as_the_module_s(name: str, theirs: ModuleType, tmp_path: Path) -> None:
    path = file_of(name, tmp_path)
    models = ours.Model(path), theirs.Model(path)
    states: list[list[object]] = [[], []]
    for side, (model, module) in enumerate(zip(models, (ours, theirs), strict=True)):
        for line in [*HELD_OUT[:12], "a b c d a b", "c a b c"]:
            state = module.State()
            model.BeginSentenceWrite(state)
            for word in line.split():
                following = module.State()
                model.BaseScore(state, word, following)
                state = following
                states[side].append(state)
    assert [hash(state) for state in states[0]] == [hash(state) for state in states[1]]
    for i in range(0, len(states[0]), 3):
        for j in range(0, len(states[0]), 5):
            for compare in ("__eq__", "__lt__", "__ge__"):
                assert getattr(states[0][i], compare)(states[0][j]) == getattr(states[1][i], compare)(states[1][j])
