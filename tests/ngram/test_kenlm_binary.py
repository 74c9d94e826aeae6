"""KenLM's binary files: those of build_binary are read, ours are read by the module `kenlm`, and damaged ones are refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from lmkit import NgramLanguageModel, load
from lmkit.errors import FormatError, LmkitError
from lmkit.ngram.formats import kenlm_binary
from lmkit.ngram.formats.kenlm_binary import _kernels_packed, _kernels_probing
from lmkit.ngram.formats.kenlm_binary.model import ProbingLanguageModel
from lmkit.ngram.formats.kenlm_binary.trie import PointerArray
from lmkit.text.encoding import as_corpus

DATA = Path(__file__).parents[1] / "golden" / "data"
LOSSLESS = [
    "generated-o2-probing",
    "generated-o3-probing",
    "generated-o2-trie",
    "generated-o3-trie",
    "generated-o3-array-trie",
    "odd-o3-probing",
    "odd-o3-trie",
    "odd-o3-rest-probing",
]
LOSSY = ["generated-o3-quant-trie", "generated-o3-quant-array-trie", "odd-o3-quant-array-trie"]
WRITERS = {"probing": kenlm_binary.write_probing, "trie": kenlm_binary.write_trie}


def unpacked(name: str, folder: Path) -> Path:
    path = folder / f"{name}.bin"
    path.write_bytes(gzip.decompress((DATA / f"{name}.bin.gz").read_bytes()))
    return path


def arpa_of(name: str) -> NgramLanguageModel:
    return load(DATA / f"{name[: name.index('-o') + 3]}.arpa.gz")


def ngrams(model: NgramLanguageModel) -> dict[tuple[str, ...], tuple[float, float]]:
    """Every n-gram with its two numbers, whatever the ids."""
    trie, tokens = model.fast_trie(), model.vocabulary.tokens()
    words: list[tuple[str, ...]] = [(token,) for token in tokens]
    first_child, bow, prob = trie.first_child, trie.log10_bow, trie.log10_prob
    for node in range(len(bow)):
        words += [(*words[node], tokens[trie.word[child]]) for child in range(first_child[node], first_child[node + 1])]
    return {ngram: (float(prob[node]), float(bow[node]) if node < len(bow) else 0.0) for node, ngram in enumerate(words)}


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_ngram_of_a_lossless_file_is_the_arpa_file_s(name: str, tmp_path: Path) -> None:
    model = load(unpacked(name, tmp_path))
    assert model.info()["ngrams"] == arpa_of(name).trie_.sizes
    ours, theirs = ngrams(model), ngrams(arpa_of(name))
    assert ours.keys() == theirs.keys()
    words = [ngram for ngram in theirs if ngram != ("<s>",)]  # KenLM stores its probability as it stood there, 0 or -99
    np.testing.assert_array_equal([ours[ngram] for ngram in words], [theirs[ngram] for ngram in words])


@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.parametrize("threads", [1, 3])
def test_scores_are_the_arpa_file_s(name: str, threads: int, tmp_path: Path) -> None:
    model = load(unpacked(name, tmp_path))
    corpus = as_corpus(DATA / "held-out.txt", model.text_options)
    ours, theirs = model.score(corpus, threads=threads), arpa_of(name).score(corpus)
    np.testing.assert_allclose(ours.log_probabilities, theirs.log_probabilities, rtol=1e-6)
    np.testing.assert_array_equal(ours.hit_length, theirs.hit_length)
    np.testing.assert_allclose(ours.back_off, theirs.back_off, atol=1e-6)


@pytest.mark.parametrize("name", [*LOSSY, "pruned-suffixes-probing", "pruned-suffixes-trie"])
def test_scores_are_kenlm_s_where_the_file_differs_from_arpa(name: str, tmp_path: Path) -> None:
    lines, expected = json.loads(gzip.decompress((DATA / f"{name}.scores.json.gz").read_bytes()))
    model = load(unpacked(name, tmp_path))
    log10, length, _ = (np.array(column) for column in zip(*(event for line in expected for event in line), strict=True))
    for scored in (model, NgramLanguageModel.score):  # the hash tables natively, and once their n-grams are found
        events = model.score(lines) if scored is model else scored(model, lines)
        np.testing.assert_allclose(events.log_probabilities / np.log(10), log10, atol=2e-6)
        np.testing.assert_array_equal(events.hit_length, length)


def test_pruned_arpa_scores_as_kenlm_does_with_its_blanks() -> None:
    lines, expected = json.loads(gzip.decompress((DATA / "pruned-suffixes-trie.scores.json.gz").read_bytes()))
    events = load(DATA / "pruned-suffixes.arpa.gz").score(lines)
    log10 = [event[0] for line in expected for event in line]
    np.testing.assert_allclose(events.log_probabilities / np.log(10), log10, atol=2e-6)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", ["generated-o3", "generated-o5", "odd-o3", "odd-o1", "pruned-suffixes"])
def test_written_files_are_read_again(kind: str, name: str, tmp_path: Path) -> None:
    model = load(DATA / f"{name}.arpa.gz")
    path = tmp_path / "m.binary"
    WRITERS[kind](path, model.trie_, model.vocabulary)
    again = load(path)
    np.testing.assert_allclose(
        again.score(DATA / "held-out.txt").log_probabilities, model.score(DATA / "held-out.txt").log_probabilities, rtol=1e-6
    )
    ours, theirs = ngrams(again), ngrams(model)
    assert theirs.keys() <= ours.keys()
    if name != "pruned-suffixes":
        assert theirs.keys() == ours.keys()


@pytest.mark.peers
@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", ["generated-o3", "generated-o5", "odd-o3", "odd-o1", "pruned-suffixes"])
def test_the_module_kenlm_reads_what_is_written(kind: str, name: str, tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="the module kenlm is not installed (pip install lmkit[peers])")
    model = load(DATA / f"{name}.arpa.gz")
    path = tmp_path / "m.binary"
    WRITERS[kind](path, model.trie_, model.vocabulary)
    theirs = kenlm.Model(str(path))
    lines = [*(DATA / "held-out.txt").read_text().splitlines(), "a b c d a b", "c a b c", "d a", "b d a b c d"]
    scores = [event for line in lines for event in theirs.full_scores(line)]
    events = model.score(lines)
    np.testing.assert_allclose(events.log_probabilities / np.log(10), [score for score, _, _ in scores], atol=2e-6)
    np.testing.assert_array_equal(events.is_oov, [oov for _, _, oov in scores])


@pytest.mark.parametrize("kind", ["probing", "trie"])
def test_written_bytes_are_build_binary_s(kind: str, tmp_path: Path) -> None:
    """The trie to the byte; of the hash tables all but the order of entries that collide."""
    model = load(DATA / "generated-o3.arpa.gz")
    WRITERS[kind](tmp_path / "m.binary", model.trie_, model.vocabulary)
    ours = (tmp_path / "m.binary").read_bytes()
    theirs = gzip.decompress((DATA / f"generated-o3-{kind}.bin.gz").read_bytes())
    assert len(ours) == len(theirs)
    if kind == "trie":
        differences = [at for at in range(len(ours)) if ours[at] != theirs[at]]
        assert len(differences) <= 1  # the sign of the zero that lmplz writes for <s>
    else:
        entries = [np.unique(np.frombuffer(raw[: len(raw) // 4 * 4], np.uint32), return_counts=True) for raw in (ours, theirs)]
        different = set(zip(*entries[0], strict=True)) ^ set(zip(*entries[1], strict=True))
        assert len(different) <= 4  # +0 and -0 again


def test_a_probing_model_can_do_all_that_others_can(tmp_path: Path) -> None:
    model, other = load(unpacked("generated-o3-probing", tmp_path)), load(DATA / "generated-o3.arpa.gz")
    assert isinstance(model, ProbingLanguageModel)
    prompt = " ".join(other.vocabulary.tokens()[3:5])
    assert [word.token for word in model.next_words(prompt)] == [word.token for word in other.next_words(prompt)]
    assert model.generate(rng=3) == other.generate(rng=3)
    model.save(tmp_path / "m.lm")
    assert load(tmp_path / "m.lm").perplexity(DATA / "held-out.txt") == pytest.approx(other.perplexity(DATA / "held-out.txt"))
    carried = model.score("ka ka lo", state="carry")
    np.testing.assert_allclose(carried.log_probabilities, other.score("ka ka lo", state="carry").log_probabilities, rtol=1e-6)


def test_files_without_words_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"was built without its words \(build_binary -v\).* build it anew from ARPA without -v"):
        load(unpacked("odd-o3-without-words", tmp_path))


HEADERS = [
    (lambda raw: raw.replace(b"version 5", b"version 4"), "reads format version 5"),
    (lambda raw: b"mmap lm http://kheafield.com/code incomplete\n" + raw[45:], "did not finish building"),
    (lambda raw: raw[:60] + b"\x81" + raw[61:], "another number format"),
    (lambda raw: raw[:96] + b"\x09" + raw[97:], "data structure number 9"),
    (lambda raw: raw[:104] + b"\x07" + raw[105:], "holds version 7"),
    (lambda raw: raw[:88] + b"\x01" + raw[89:], "claims order 1"),
    (lambda raw: raw[:95] + b"\x00" + raw[96:], "table multiplier"),
    (lambda raw: raw[:90], "cut short inside the header"),
    (lambda raw: raw[:400], "cut short"),
    (lambda raw: raw[:-3], "should end in"),
    (lambda raw: raw[:115] + b"\x7f" + raw[116:], "promises"),
]


@pytest.mark.parametrize(("damage", "message"), HEADERS)
@pytest.mark.parametrize("name", ["odd-o3-probing", "odd-o3-trie"])
def test_damaged_headers_are_refused(damage, message: str, name: str, tmp_path: Path) -> None:
    path = unpacked(name, tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LmkitError, match=message) as error:
        load(path)
    assert str(path) in str(error.value)


def test_compressed_binaries_and_irstlm_s_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="KenLM's binary, compressed: unpack it first"):
        load(DATA / "odd-o3-probing.bin.gz")
    (tmp_path / "m.blm").write_bytes(b"blmt 3 10 20 30\n" + bytes(99))
    with pytest.raises(FormatError, match="IRSTLM's binary: make ARPA of it with compile-lm"):
        load(tmp_path / "m.blm")


def test_a_full_hash_table_without_the_entry_ends_the_search() -> None:
    words = np.ones(12, np.uint32)
    assert _kernels_probing.find(words, 0, 4, 3, np.uint64(5)) == -1


def test_words_hash_as_murmurhash_64a_says() -> None:
    raw = gzip.decompress((DATA / "generated-o2-probing.bin.gz").read_bytes())  # the table of a file holds its words' hashes and ids
    vocabulary = load(DATA / "generated-o2.arpa.gz").vocabulary
    assert set(vocabulary.bytes) >= {3, 4, 6, 7, 8, 9}
    hashes = np.empty(len(vocabulary), np.uint64)
    _kernels_probing.murmur(vocabulary.blob, vocabulary.offsets, hashes)
    for word_id in range(1, len(vocabulary)):
        assert hashes[word_id].tobytes() + np.uint32(word_id).tobytes() in raw, vocabulary.token(word_id)


@pytest.mark.parametrize("bits", [1, 7, 31, 32, 57])
def test_packing_and_unpacking_give_the_same_numbers(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, 50, np.uint64)
    data = np.zeros((50 * (bits + 5) + 7) // 8 + 8, np.uint8)
    _kernels_packed.pack(data, 3, bits + 5, values)
    again = np.empty(50, np.uint64)
    _kernels_packed.unpack(data, 3, bits + 5, bits, again)
    np.testing.assert_array_equal(again, values)
    whole = int.from_bytes(data.tobytes(), "little")
    assert [(whole >> (3 + i * (bits + 5))) & ((1 << bits) - 1) for i in range(50)] == values.tolist()


def test_pointer_arrays_take_least_memory() -> None:
    # 1,000 records whose pointers go up to 5,000 (13 bits): cutting c bits costs 64 * (5000 >> (13 - c)) and saves 1000 c
    costs = [64 * (5000 >> (13 - cut)) - 1000 * cut for cut in range(14)]
    best = costs.index(min(costs))
    assert PointerArray.of(1000, 5000, 64) == PointerArray(13 - best, (5000 >> (13 - best)) + 1)
    assert PointerArray.of(1000, 5000, 0) == PointerArray(13, 1)
