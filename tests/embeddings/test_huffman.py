"""Huffman trees against a plain heap, and the command that shows them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import huffman_twin

from lmkit.errors import InvalidParameterError
from lmkit.numeric.huffman import HuffmanTree
from lmkit_cli.app import run

EXERCISE = {"fat": 3, "fridge": 2, "zebra": 1, "potato": 3, "and": 14, "in": 7, "today": 4, "kangaroo": 2}


def check_against_twin(counts: list[int]) -> None:
    falling = sorted(counts, reverse=True)
    tree = HuffmanTree.from_counts(falling)
    expected = huffman_twin.codes_and_paths(falling)
    assert [(tree.code(i), tree.path(i)) for i in range(len(counts))] == expected


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_codes_and_paths_with_many_equal_counts(counts: list[int]) -> None:
    check_against_twin(counts)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=60))
def test_codes_and_paths_with_large_counts(counts: list[int]) -> None:
    check_against_twin(counts)


def test_counts_in_any_order_give_the_codes_of_the_sorted_ones() -> None:
    counts = [3, 2, 1, 3, 14, 7, 4, 2]
    tree = HuffmanTree.from_counts(counts)
    order = sorted(range(8), key=lambda i: -counts[i])
    expected = huffman_twin.codes_and_paths([counts[i] for i in order])
    assert [tree.code(i) for i in order] == [code for code, _ in expected]
    assert [tree.path(i) for i in order] == [path for _, path in expected]


def test_the_exercise() -> None:
    tree = HuffmanTree.from_counts(list(EXERCISE.values()))
    # by hand: 1+2=3, 2+3=5, 3+3=6, 4+5=9, 6+7=13, 9+13=22, 14+22=36; the inner nodes sum to the total number of bits
    assert tree.expected_length == (3 + 5 + 6 + 9 + 13 + 22 + 36) / 36
    shares = [count / 36 for count in EXERCISE.values()]
    assert tree.entropy == pytest.approx(-sum(share * math.log2(share) for share in shares), rel=1e-14)
    assert tree.entropy <= tree.expected_length < tree.entropy + 1


def test_depth_beyond_word2vecs_limit_of_40() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 60:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    tree = HuffmanTree.from_counts(fibonacci)
    assert tree.lengths.max() == 59
    check_against_twin(fibonacci)


def test_one_word_has_the_empty_code_and_probability_one() -> None:
    tree = HuffmanTree.from_counts([5])
    assert (tree.code(0), tree.path(0), tree.expected_length, tree.entropy) == ("", [], 0.0, 0.0)
    assert tree.log_probabilities(np.zeros(0)).tolist() == [0.0]
    assert tree.draw(["only"]) == "only  5"


def test_probabilities_of_words_agree_with_their_paths_and_sum_to_one() -> None:
    rng = np.random.default_rng(3)
    counts = sorted(rng.integers(1, 50, 23).tolist(), reverse=True)
    scores = rng.normal(0, 3, 22)
    found = HuffmanTree.from_counts(counts).log_probabilities(scores)
    np.testing.assert_allclose(found, huffman_twin.word_log_probabilities(counts, scores.tolist()), rtol=1e-12)
    assert np.exp(found).sum() == pytest.approx(1, abs=1e-12)
    extreme = HuffmanTree.from_counts(counts).log_probabilities(np.full(22, -2000.0))
    assert np.isfinite(extreme).all()
    assert extreme.min() <= -2000


@pytest.mark.parametrize("counts", [[], [1, -1], [1.5, 2.0], "abc", [[1, 2]], [2**62, 2**62]])
def test_bad_counts(counts: object) -> None:
    with pytest.raises(InvalidParameterError, match="'counts' parameter of HuffmanTree"):
        HuffmanTree.from_counts(counts)  # type: ignore[arg-type]


def test_command_shows_table_and_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["huffman", *(f"{word}={count}" for word, count in EXERCISE.items())]) == 0
    out = capsys.readouterr().out
    assert "and          14  0         1  6\n" in out
    assert "2.6111 bits" in out
    assert "├─0─ and  14" in out


def test_command_json_decodes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["huffman", "--json", *(f"{word}={count}" for word, count in EXERCISE.items())]) == 0
    record = json.loads(capsys.readouterr().out)
    codes = {entry["word"]: entry["code"] for entry in record["words"]}
    assert {entry["word"]: entry["count"] for entry in record["words"]} == EXERCISE
    text = [*EXERCISE, "and", "zebra"]
    bits, decoded, start = "".join(codes[word] for word in text), [], 0
    by_code = {code: word for word, code in codes.items()}
    for stop in range(1, len(bits) + 1):
        if bits[start:stop] in by_code:
            decoded.append(by_code[bits[start:stop]])
            start = stop
    assert decoded == text
    assert record["bits"] == sum(len(codes[word]) * count for word, count in EXERCISE.items())


def test_command_reads_a_corpus_and_a_list(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.txt").write_text("a b a c\na b d=4 x=y\n", encoding="utf-8")
    (tmp_path / "l.txt").write_text("a\t3\n\nb 2\nc 1\n", encoding="utf-8")
    assert run(["huffman", "--json", str(tmp_path / "t.txt")]) == 0
    found = {entry["word"]: entry["count"] for entry in json.loads(capsys.readouterr().out)["words"]}
    assert found == {"a": 3, "b": 2, "c": 1, "d=4": 1, "x=y": 1}
    assert run(["huffman", "--json", "--counts", str(tmp_path / "l.txt")]) == 0
    found = {entry["word"]: entry["code"] for entry in json.loads(capsys.readouterr().out)["words"]}
    assert found == {"a": "1", "c": "00", "b": "01"}  # of equal weights the inner node comes first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a=3", "b"], "'b'"),
        (["a=3", "b=x"], "'b=x'"),
        (["a=3", "a=4"], "'a'"),
        (["a=3", "=4"], "'=4'"),
        (["a=3", "b=-4"], "'b=-4'"),
        ([], "a=3"),
        (["--counts", "LIST"], "LIST: line 2"),
        (["--counts", "missing.txt"], "missing.txt"),
        (["--counts", "LIST", "a=1"], "--counts"),
        (["a=1", "--limit", "0"], "--limit"),
    ],
)
def test_command_with_bad_input(words: list[str], message: str, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "LIST").write_text("a 3\nb many\n", encoding="utf-8")
    assert run(["huffman", *(str(tmp_path / word) if word == "LIST" else word for word in words)]) in (1, 2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
