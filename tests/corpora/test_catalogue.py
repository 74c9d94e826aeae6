"""Every entry of the catalogue is complete and says where its figures come from."""

from __future__ import annotations

import json
import re

import pytest

import lmkit_corpora
from lmkit.errors import FormatError, UsageError
from lmkit_corpora import entry as entries
from lmkit_corpora.readers import get_reader

NAMES = lmkit_corpora.names()


def test_names() -> None:
    assert NAMES[0] == lmkit_corpora.default_corpus() == "sotu"
    assert {"gensim-wiki", "ptb", "wikitext-2", "wikitext-103", "text8", "enwik8", "one-billion-word", "automaton"} <= set(NAMES)
    assert len(NAMES) == len(set(NAMES)) == len(list(entries.CATALOGUE.glob("*.toml")))


@pytest.mark.parametrize("name", NAMES)
def test_entry(name: str) -> None:
    entry = lmkit_corpora.get(name)
    assert entry.name == name
    for text in (entry.title, entry.description, entry.licence, entry.source, entry.split_rule):
        assert len(text) > 3
    assert entry.default_split in (*entry.splits, "all")
    assert all(callable(getattr(get_reader(entry), method)) for method in ("is_present", "folder", "files", "notes"))
    json.dumps(entry.to_dict())
    if entry.kind != "generated":
        assert entry.size is not None
        assert entry.size > 1_000_000
    if entry.reader == "download":
        files = entry.settings["files"]
        assert entry.size == sum(file["size"] for file in files)
        for file in files:
            assert re.fullmatch("[0-9a-f]{64}", file["sha256"])
            assert all(re.match("https?://", url) for url in file["urls"])
        if "members" in entry.settings:
            assert entry.sha256 == files[0]["sha256"]
    if "period" in entry.settings["split"]:
        rule = entry.settings["split"]
        assert sorted(place for split in entry.splits for place in rule[split]) == list(range(rule["period"]))


def test_pieces_of_a_file_follow_each_other() -> None:
    for name in ("text8", "enwik8"):
        rule = lmkit_corpora.get(name).settings["split"]
        assert [rule[split]["start"] for split in ("train", "valid", "test")] == [0, rule["train"]["stop"], rule["valid"]["stop"]]
        assert rule["test"]["stop"] == lmkit_corpora.get(name).settings["members"][0]["size"] == 10**8


def test_unknown_name_gets_the_close_ones() -> None:
    with pytest.raises(UsageError, match=r"no corpus named 'wikitext2' \(did you mean wikitext-2 or .*\); `lmkit corpus list`"):
        lmkit_corpora.get("wikitext2")
    with pytest.raises(UsageError, match=r"no corpus named 'zzzz'; `lmkit"):
        lmkit_corpora.get("zzzz")


@pytest.mark.parametrize("name", ["../catalogue/sotu", "", ".", "/etc/passwd"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(UsageError):
        lmkit_corpora.get(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('licence = "', 'license = "'), "'licence' is missing"),
        (("[splits]", "[split"), "not valid TOML"),
        (('kind = "pip"', 'kind = "post"'), "kind 'post'"),
        (('tokenizer = "regex"', 'tokenizer = "magic"'), "tokenizer"),
    ],
)
def test_damaged_entry(tmp_path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], message: str) -> None:
    text = (entries.CATALOGUE / "sotu.toml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "broken.toml").write_text(text.replace(*change), encoding="utf-8")
    monkeypatch.setattr(entries, "CATALOGUE", tmp_path)
    with pytest.raises(FormatError, match=message):
        entries.load_entry("broken")
