"""Text options, and the package's lazy names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import lmkit.text
from lmkit.errors import FormatError, InvalidParameterError
from lmkit.text import TextOptions


def test_round_trip() -> None:
    options = TextOptions("regex", "detected", "drop", True, True, "NFKC", "latin-1", {"abbreviations": ["dr"]})
    again = TextOptions.from_dict(json.loads(json.dumps(options.to_dict())))
    assert again == options
    assert hash(again) == hash(options)
    assert TextOptions.from_dict({}) == TextOptions()
    assert TextOptions() != options


def test_properties() -> None:
    assert TextOptions().sentence_boundaries
    assert not TextOptions(sentences="none").sentence_boundaries
    assert TextOptions(tokenizer="treebank").is_word_level
    assert not TextOptions(tokenizer="bytes").is_word_level
    assert TextOptions().replace(lowercase=True) == TextOptions(lowercase=True)
    assert TextOptions(encoding="UTF8").encoding == TextOptions(encoding="utf-8-sig").encoding == "utf-8"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokenizer": "words"},
        {"sentences": "lines"},
        {"blank_lines": "maybe"},
        {"lowercase": 1},
        {"fold_numbers": "yes"},
        {"normalization": "nfc"},
        {"encoding": "utf-9"},
        {"encoding": "base64"},
        {"encoding": 8},
        {"sentence_model": []},
    ],
)
def test_wrong_values(wrong: dict[str, object]) -> None:
    (name,) = wrong
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of TextOptions must be"):
        TextOptions(**wrong)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=r"^model\.lm: "):
        TextOptions.from_dict(wrong, "model.lm")


def test_unknown_keys() -> None:
    with pytest.raises(FormatError, match="unknown text option 'colour'"):
        TextOptions.from_dict({"colour": 1})
    with pytest.raises(FormatError):
        TextOptions.from_dict([])  # type: ignore[arg-type]


def test_every_name_can_be_imported() -> None:
    for name in lmkit.text.__all__:
        assert getattr(lmkit.text, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = lmkit.text.nothing


def test_import_is_cheap() -> None:
    code = (
        "import sys, lmkit.text, lmkit.text.options; print([m for m in ('numpy', 'numba', 'scipy', 'nltk', 'regex') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
