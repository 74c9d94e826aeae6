"""ARPA files: exact round trips, habits of other tools, and damaged files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit import NgramLanguageModel, load
from lmkit.errors import FormatError, InputError, LmkitError
from lmkit.ngram.formats import _kernels_arpa_read, _kernels_arpa_write
from lmkit.ngram.formats.arpa import read_arpa

TEXT = "the cat sat on the mat\nthe dog sat\nа кот ушёл\n\nthe cat ran"

SMALL = """\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.5
-0.5\t</s>
-0.25\ta\t-0.125

\\2-grams:
-0.3\t<s> a
-0.2\ta </s>

\\end\\
"""


def written(tmp_path: Path, text: str | bytes, name: str = "m.arpa") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz"])
def test_writing_and_reading_gives_the_same_model_to_the_bit(order: int, name: str, tmp_path: Path) -> None:
    model = NgramLanguageModel(order=order).fit(TEXT)
    model.write_arpa(tmp_path / name)
    again = load(tmp_path / name)
    for field in ("word", "log10_prob", "log10_bow", "first_child", "link", "order_start"):
        np.testing.assert_array_equal(getattr(again.trie_, field), getattr(model.trie_, field), field)
    assert again.vocabulary == model.vocabulary
    again.write_arpa(tmp_path / f"again-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"again-{name}").read_bytes()


def test_small_file_has_the_numbers_it_states(tmp_path: Path) -> None:
    model = load(written(tmp_path, SMALL))
    events = model.score("a a\nb")
    # <s> a: bigram -0.3; a a: back-off -0.125 + unigram -0.25; a </s>: -0.2; b: back-off of <s> -0.5 + <unk> -1.5; </s> after <unk>: -0.5
    np.testing.assert_allclose(events.log_probabilities / np.log(10), [-0.3, -0.375, -0.2, -2.0, -0.5], rtol=1e-6)
    assert events.hit_length.tolist() == [2, 1, 2, 1, 1]


def test_continuous_models_keep_having_no_boundaries(tmp_path: Path) -> None:
    from lmkit import TextOptions

    options = TextOptions(sentences="none")
    model = NgramLanguageModel(order=3, reading=options).fit("a b a c a b d a")
    model.write_arpa(tmp_path / "m.arpa")
    again = load(tmp_path / "m.arpa")
    assert not again.text_options.sentence_boundaries
    np.testing.assert_array_equal(again.score("a b c d").log_probabilities, model.score("a b c d").log_probabilities)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.replace("\t", " "), "spaces for tabs"),
        (lambda t: t.replace("\n", "\r\n"), "Windows line ends"),
        (lambda t: "a comment\n\n" + t, "a comment in front, as SRILM allows"),
        (lambda t: t.replace("<unk>", "<UNK>"), "capital <UNK>"),
        (lambda t: t.replace("-0.25\ta", "-2.5e-1\ta"), "an exponent"),
        (lambda t: t.replace("\n\n\\2", "\n\\2").replace("\n\n\\end", "\n\\end"), "no blank lines"),
        (lambda t: t.rstrip("\n"), "no last newline"),
        (lambda t: t.replace("-99\t<s>", "-inf\t<s>"), "-inf for zero"),
        (lambda t: t.replace("-0.5\t</s>", "-0.5\t</s>\t0.000000"), "back-off weights everywhere"),
        (lambda t: t.replace("-0.25\ta", "-.25\ta"), "no digit before the point"),
        (lambda t: t.replace("-0.25\ta", "-0.250000000000\ta").replace("-0.3\t", "-0.30000000\t"), "many digits"),
        (lambda t: t.replace("\n", " \n"), "spaces behind lines"),
        (lambda t: t.replace("-0.3\t<s> a", "-0.3\t<s> a\t0"), "back-off weights at the highest order"),
    ],
)
def test_habits_of_other_tools_are_read(change, why: str, tmp_path: Path) -> None:
    expected = load(written(tmp_path, SMALL)).score("a a\nb").log_probabilities
    got = load(written(tmp_path, change(SMALL), "other.arpa")).score("a a\nb").log_probabilities
    np.testing.assert_array_equal(got, expected, why)


def test_missing_unk_is_noted_and_costs_everything(tmp_path: Path) -> None:
    model = load(written(tmp_path, SMALL.replace("ngram 1=4", "ngram 1=3").replace("-1.5\t<unk>\n", "")))
    assert "has no <unk>" in model.notes_[0]
    assert np.isneginf(model.score("b").log_probabilities[0])
    assert model.perplexity("b") == np.inf


def test_pruned_suffixes_are_skipped(tmp_path: Path) -> None:
    # a b c is there, its suffix b c is not: after "a b c" the state is c
    text = """\\data\\
ngram 1=6
ngram 2=2
ngram 3=1

\\1-grams:
-1\t<unk>
-99\t<s>
-1\t</s>
-1\ta\t-0.1
-1\tb\t-0.2
-1\tc\t-0.3

\\2-grams:
-0.5\ta b\t-0.4
-0.6\tc a\t-0.7

\\3-grams:
-0.2\ta b c

\\end\\
"""
    events = load(written(tmp_path, text)).score("a b c a")
    # a: -1; b: a b -0.5; c: a b c -0.2; a after "c" (b c is unknown): c a -0.6; </s> after c a: -0.7 - 0.1 - 1
    np.testing.assert_allclose(events.log_probabilities / np.log(10), [-1, -0.5, -0.2, -0.6, -1.8], rtol=1e-6)


DAMAGES = [
    (lambda t: t[: t.index("\\2-grams")], r"line \d+: expected \\2-grams: but the file ends"),
    (lambda t: t[: t.index("-0.2\ta")], r"line 13: the header declares 2 2-grams, but only 1 stand here"),
    (lambda t: t[: t.index("\\end")], r"expected \\end\\ but the file ends"),
    (lambda t: t.replace("ngram 2=2", "ngram 2=3"), r"line 14: the header declares 3 2-grams, but only 2"),
    (lambda t: t.replace("ngram 2=2", "ngram 2=1"), r"expected \\end\\ but found"),
    (lambda t: t.replace("ngram 1=4", "ngram 1=99999999999"), r"declares 100,000,000,001 n-grams, which take at least"),
    (lambda t: t.replace("ngram 2=2", "ngram 3=2"), r"line 3: order 3 where 2 was expected"),
    (lambda t: t.replace("ngram 1=4\nngram 2=2\n", ""), r"no 'ngram 1=COUNT' line"),
    (lambda t: t.replace("-0.25\ta", "nan\ta"), r"line 9: NaN"),
    (lambda t: t.replace("-0.25\ta", "0.25\ta"), r"line 9: a log10 probability above 0"),
    (lambda t: t.replace("-0.25\ta", "-0.x5\ta"), r"line 9: a number was expected"),
    (lambda t: t.replace("-0.25\ta", "-ifoo\ta"), r"line 9: a number was expected"),
    (lambda t: t.replace("-0.125", "inf"), r"line 9: NaN or plus infinity"),
    (lambda t: t.replace("<s> a", "<s>"), r"line 12: expected a probability, 2 words"),
    (lambda t: t.replace("<s> a", "<s> b"), r"line 12: the word 'b' is not among the 1-grams"),
    (lambda t: t.replace("-0.2\ta </s>", "-0.2\t<s> a"), r"line 13: this 2-gram stands there twice"),
    (lambda t: t.replace("-0.25\ta", "-0.25\t</s>"), r"line 9: </s> stands there twice"),
    (lambda t: t.replace("-1.5\t<unk>", "-0.25\ta"), r"line 9: the 1-gram 'a' stands there twice"),
    (lambda t: t.replace("\\data\\", "\\dta\\"), r"neither a model written by lmkit nor an ARPA file"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[str(i) for i in range(len(DAMAGES))])
def test_damaged_files_are_refused_with_the_place(damage, message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message) as error:
        load(written(tmp_path, damage(SMALL)))
    assert "m.arpa" in str(error.value)


def test_a_missing_context_is_inserted_and_changes_no_score(tmp_path: Path) -> None:
    text = SMALL.replace("ngram 2=2\n", "ngram 2=2\nngram 3=0\nngram 4=1\n").replace(
        "\\end\\", "\\3-grams:\n\n\\4-grams:\n-0.1\ta a a a\n\n\\end\\"
    )
    model = load(written(tmp_path, text))
    assert model.trie_.sizes == [4, 3, 1, 1]
    assert model.notes_ == [
        f"2 contexts of 4-grams are not in {tmp_path / 'm.arpa'} as n-grams of their own; they were inserted with their backed-off "
        "probabilities, which changes no score."
    ]
    events = model.score("a a a a a b")
    # <s> a: -0.3; a a and a a a: back-off -0.125 + unigram -0.25; a a a a: -0.1; a a a a again; b: -0.125 - 1.5; </s> after <unk>: -0.5
    np.testing.assert_allclose(events.log_probabilities / np.log(10), [-0.3, -0.375, -0.375, -0.1, -0.1, -1.625, -0.5], rtol=1e-6)


def test_irstlm_s_incomplete_arpa_is_completed(tmp_path: Path) -> None:
    text = "iARPA\n\n" + SMALL.replace("ngram 1=4", "ngram  1=        4")
    events = load(written(tmp_path, text)).score("a")
    # <s> a: 10^-0.3 + 10^(-0.5 - 0.25); a </s>: 10^-0.2 + 10^(-0.125 - 0.5)
    np.testing.assert_allclose(events.log_probabilities, np.log([10**-0.3 + 10**-0.75, 10**-0.2 + 10**-0.625]), rtol=1e-6)


@pytest.mark.parametrize("name", ["qARPA", "blmt"])
def test_irstlm_s_other_formats_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=rf"IRSTLM's {name} format can't be read; make ARPA of it"):
        read_arpa(written(tmp_path, name + " 3 1 2\n" + SMALL))


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_files_are_read_by_content(ending: str, tmp_path: Path) -> None:
    import bz2
    import lzma

    import zstandard

    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.ZstdCompressor().compress}[ending]
    expected = load(written(tmp_path, SMALL)).score("a a\nb").log_probabilities
    got = load(written(tmp_path, pack(SMALL.encode()), "m.arpa" + ending)).score("a a\nb").log_probabilities
    np.testing.assert_array_equal(got, expected)
    got = load(written(tmp_path, pack(SMALL.encode()), "renamed")).score("a a\nb").log_probabilities
    np.testing.assert_array_equal(got, expected)


def test_lines_of_all_lengths_around_the_block_border_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmkit.ngram.formats import _arpa_lines

    words = ["x" * length for length in [*range(1, 32), 400]]
    unigrams = "".join(f"-1.{i:07d}\t{word}\t-0.{i:09d}\n" for i, word in enumerate(words))
    head = f"\\data\\\nngram 1={len(words) + 3}\nngram 2=1\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-1\t</s>\n"
    text = f"{head}{unigrams}\n\\2-grams:\n-0.5\tx xxxxxxxxx\n\n\\end\\\n"
    whole = load(written(tmp_path, text))
    assert whole.vocabulary.tokens()[3:] == words
    np.testing.assert_array_equal(whole.trie_.log10_prob[3:35], np.array([f"-1.{i:07d}" for i in range(32)], np.float32))
    for block in (1, 7, 16, 33, 100):
        monkeypatch.setattr(_arpa_lines, "BLOCK", block)
        again = load(tmp_path / "m.arpa")
        assert again.vocabulary == whole.vocabulary
        np.testing.assert_array_equal(again.trie_.log10_prob, whole.trie_.log10_prob)


def test_a_cut_gzip_file_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(SMALL.encode())
    with pytest.raises(LmkitError):
        load(written(tmp_path, packed[:-30], "m.arpa.gz"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "nothing.arpa")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_reader_never_breaks_on_random_edits(data: st.DataObject) -> None:
    """Any edit gives either a model whose scores are finite or -inf, or one sentence."""
    import tempfile

    raw = bytearray(SMALL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        if data.draw(st.booleans()):
            raw[at] = data.draw(st.sampled_from(b"0123456789-.\t \n\\ea<s>\x00\xff"))
        else:
            del raw[at : at + data.draw(st.integers(1, 30))]
        if not raw:
            return
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), bytes(raw))
        try:
            model = load(path)
        except LmkitError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
        else:
            assert not np.isnan(model.score("a b\na").log_probabilities).any()


@settings(max_examples=500, deadline=None)
@given(st.floats(width=32, max_value=0, min_value=-98, allow_nan=False))
def test_numbers_survive_writing_and_reading(value: float) -> None:
    buffer = np.zeros(64, np.uint8)
    stop = _kernels_arpa_write.write_number(np.float32(value), buffer, 0)
    assert stop <= _kernels_arpa_write.NUMBER_WIDTH
    read, status = _kernels_arpa_read.read_number(buffer, 0, stop)
    assert status == _kernels_arpa_read.OK
    assert np.float32(read) == np.float32(value)
    assert np.float32(float(buffer[:stop].tobytes())) == np.float32(value)


@pytest.mark.parametrize(
    "text",
    ["-1.5", "-0", "0", "-12", "-1e-3", "-1E-3", "+0.0", "-.5", "-5.", "-123456789012345678901e-20", "-1e-400", "-inf", "Inf", "+INFINITY"],
)
def test_read_number_agrees_with_python(text: str) -> None:
    raw = np.frombuffer(text.encode(), np.uint8)
    value, status = _kernels_arpa_read.read_number(raw, 0, len(raw))
    assert (status, value) == (_kernels_arpa_read.OK, pytest.approx(float(text), rel=1e-12))


@pytest.mark.parametrize("text", ["", "-", ".", "1.2.3", "1e", "x", "--1", "1 2", "0x10", "-ifoo", "i", "-infin", "n", "nano", "-n1"])
def test_read_number_refuses_what_is_none(text: str) -> None:
    raw = np.frombuffer(text.encode(), np.uint8)
    assert _kernels_arpa_read.read_number(raw, 0, len(raw))[1] == _kernels_arpa_read.BAD_NUMBER


@pytest.mark.parametrize("text", ["nan", "-NaN", "+NAN"])
def test_read_number_knows_nan(text: str) -> None:
    raw = np.frombuffer(text.encode(), np.uint8)
    assert _kernels_arpa_read.read_number(raw, 0, len(raw))[1] == _kernels_arpa_read.NOT_A_NUMBER
