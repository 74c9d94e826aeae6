"""Files that commands write: never over what they read, and in the format that their name promises."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def files(text: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A folder with what commands read, and its content."""
    monkeypatch.chdir(tmp_path)
    for name in ("t.txt", "folder.txt", "text"):
        shutil.copy(text, tmp_path / name)
    (tmp_path / "texts").mkdir()
    shutil.copy(text, tmp_path / "texts" / "a.txt")
    shutil.copy(model, tmp_path / "m.lm")
    (tmp_path / "link.lm").symlink_to("m.lm")
    (tmp_path / "c.txt").write_text("a\t1\n", encoding="utf-8")
    (tmp_path / "v.vectors").write_text("2 2\na 0 1\nb 1 0\n", encoding="utf-8")
    return _contents(tmp_path)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words",
    [
        "filter m.lm t.txt --keep 5 --out t.txt",
        "filter m.lm t.txt --keep 5 --out ./m.lm",
        "train-ngram text --out text",
        "train-ngram text:train --out text",
        "train-ngram --counts text --out text",
        "train-ngram t.txt --smoothing jelinek-mercer --held-out text --out text",
        "train-ngram t.txt --vocabulary m.lm --out link.lm",
        "train-ngram t.txt --limit-vocab text --out text",
        "count t.txt --out t.txt",
        "count texts --out texts/a.txt",
        "count texts/*.txt --out texts/a.txt",
        "merge-counts c.txt c.txt --out c.txt",
        "score m.lm text --out text",
        "score m.lm t.txt --out link.lm",
        "prune m.lm link.lm --ngrams 20",
        "prune m.lm text --words text --method vocabulary",
        "mix m.lm m.lm --weights .5,.5 --out m.lm",
        "mix m.lm m.lm --held-out text --out text",
        "convert m.lm link.lm",
        "convert m.lm text --to lm --quantize 8 --held-out text",
        "quantize v.vectors --out v.vectors",
        "train-w2v text --out text",
        "train-w2v t.txt --start v.vectors --out v.vectors",
        "train-fasttext t.txt --held-out text --out text",
        "train-rnn text --out text",
        "train-rnn t.txt --valid text --out text",
        "train-rnn t.txt --vectors v.vectors --out v.vectors",
        "train-rnn t.txt --out n.lm --log t.txt",
        "train-nnlm t.txt --vocabulary text --out text",
        "sweep train-ngram t.txt --try order=2,3 --results t.txt",
    ],
)
def test_what_is_read_is_not_overwritten(fails, files: dict[str, bytes], words: str) -> None:
    assert "is read as well; name another file" in fails(*words.split(), code=2)
    assert _contents(Path()) == files


@pytest.mark.parametrize(
    "words", ["plot zipf", "plot heaps", "plot counts-of-counts", "plot training", "plot vectors", "inspect gates m.lm --text"]
)
def test_pictures_are_not_drawn_over_what_is_read(fails, files: dict[str, bytes], words: str) -> None:
    shutil.copy("t.txt", "t.png")
    assert "is read as well" in fails(*words.split(), "t.png", "--out", "t.png", code=2)
    assert Path("t.png").read_bytes() == files["t.txt"]


def test_a_report_does_not_go_over_a_model(fails, files: dict[str, bytes]) -> None:
    shutil.copy("m.lm", "m.json")
    assert "is read as well" in fails("compare", "t.txt", "name=m.json", "m.lm", "--report", "m.json", code=2)
    assert Path("m.json").read_bytes() == files["m.lm"]


def test_a_file_beside_the_texts_of_a_folder_is_written(run, files: dict[str, bytes]) -> None:
    for _ in range(2):
        assert run("train-ngram", "texts", "--order", 2, "--out", "texts/m.lm", "-q").code == 0


@pytest.mark.parametrize(
    "ending", [".arpa.xz", ".arpa.bz2", ".arpa.zst", ".gz", ".txt", ".TXT", ".klm", ".binary", ".bin", ".vec", ".npz", ".pt", ".json"]
)
@pytest.mark.parametrize("command", ["train-ngram t.txt --out", "mix m.lm m.lm --weights .5,.5 --out", "prune m.lm --ngrams 20"])
def test_endings_of_other_formats_are_refused(fails, files: dict[str, bytes], command: str, ending: str) -> None:
    message = fails(*command.split(), f"new{ending}", code=2)
    assert "(.lm) or as ARPA (.arpa, .arpa.gz)" in message
    assert "lmkit convert" in message or "compress" in message
    assert _contents(Path()) == files


@pytest.mark.parametrize(
    "command",
    [
        "quantize v.vectors --out new.bin",
        "train-w2v t.txt --out new.txt",
        "train-rnn t.txt --out new.arpa",
        "score m.lm t.txt --out new.txt",
    ],
)
def test_endings_that_other_models_have_not(fails, files: dict[str, bytes], command: str) -> None:
    assert "lmkit's own format" in fails(*command.split(), code=2)
    assert _contents(Path()) == files


@pytest.mark.parametrize("name", ["new.ARPA", "new.Arpa.GZ"])
def test_arpa_in_capitals_is_arpa(run, files: dict[str, bytes], name: str) -> None:
    for words in (["train-ngram", "t.txt", "-o", 2, "--out", name], ["prune", "m.lm", name, "--ngrams", 60], ["convert", "m.lm", name]):
        assert run(*words).code == 0
        content = Path(name).read_bytes()
        assert (gzip.decompress(content) if name.endswith("GZ") else content).startswith(b"\\data\\")
        Path(name).unlink()


@pytest.mark.parametrize("name", ["new", "new.model", "new.lm", "new.3"])
def test_other_endings_are_lmkit_s_own(run, files: dict[str, bytes], name: str) -> None:
    assert run("train-ngram", "t.txt", "-o", 2, "--out", name).code == 0
    assert run("info", name, "--json").json["kind"] == "ngram"


def test_a_dash_is_no_file(run, fails, files: dict[str, bytes]) -> None:
    for words in ("train-ngram t.txt --out -", "prune m.lm - --ngrams 20", "merge-counts c.txt c.txt --out -", "train-rnn t.txt --out -"):
        assert "'-' is no file here" in fails(*words.split(), code=2)
    for words in ("count t.txt", "filter m.lm t.txt --keep 5"):
        assert run(*words.split(), "--out", "-").out == run(*words.split()).out != ""
    assert _contents(Path()) == files


def test_counts_are_written_as_their_name_says(run, fails, files: dict[str, bytes]) -> None:
    assert "uncompressed" in fails("count", "t.txt", "--out", "n.txt.gz", code=2)
    assert "does not tell the format" in fails("count", "t.txt", "--out", "n.foo", code=2)
    assert "does not tell the format" in fails("merge-counts", "c.txt", "c.txt", "--out", "n.foo", code=2)
    assert "--to npz needs a file" in fails("count", "t.txt", "--to", "npz", code=2)
    assert _contents(Path()) == files
    for words in (["n.foo", "--to", "text"], ["n.TXT"], ["n"]):
        assert run("count", "t.txt", "--out", *words).code == 0
        assert Path(words[0]).read_text() == run("count", "t.txt").out


def test_filtered_lines_are_gzipped_where_the_name_says_so(run, fails, files: dict[str, bytes]) -> None:
    words = ["filter", "m.lm", "t.txt", "--keep", "5"]
    assert run(*words, "--out", "o.txt.gz").code == 0
    assert gzip.decompress(Path("o.txt.gz").read_bytes()).decode() == run(*words).out
    assert "plain or as .gz" in fails(*words, "--out", "o.txt.xz", code=2)
