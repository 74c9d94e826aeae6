"""Bad input: each a clear sentence, the right exit code, and nothing half-written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest


def train(*words: object) -> list[object]:
    return ["train-ngram", *words, "--order", 3]


class TestTexts:
    def test_missing(self, fails, tmp_path: Path) -> None:
        message = fails(*train(tmp_path / "nowhere.txt", "--out", tmp_path / "m.lm"))
        assert str(tmp_path / "nowhere.txt") in message
        assert not (tmp_path / "m.lm").exists()

    def test_a_name_that_is_neither_file_nor_corpus(self, fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for words in (train("sotuu", "--out", "m.lm"), ["plot", "zipf", "sotuu"], ["count", "sotuu"]):
            assert "sotuu" in fails(*words)

    def test_empty(self, fails, tmp_path: Path) -> None:
        (tmp_path / "empty.txt").write_bytes(b"")
        message = fails(*train(tmp_path / "empty.txt", "--out", tmp_path / "m.lm"))
        assert "empty" in message
        assert os.listdir(tmp_path) == ["empty.txt"]

    def test_blank_lines_only(self, fails, tmp_path: Path) -> None:
        (tmp_path / "blank.txt").write_bytes(b"\n\n \n")
        fails(*train(tmp_path / "blank.txt", "--out", tmp_path / "m.lm"))
        assert os.listdir(tmp_path) == ["blank.txt"]

    def test_binary(self, fails, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(bytes(range(256)) * 40)
        fails(*train(tmp_path / "binary", "--out", tmp_path / "m.lm"))
        assert os.listdir(tmp_path) == ["binary"]

    def test_not_utf8_offers_encoding(self, fails, run, tmp_path: Path) -> None:
        (tmp_path / "latin.txt").write_bytes("ein kleines Haus\nein gr\u00f6\u00dferes Haus\n".encode("latin-1"))
        message = fails(*train(tmp_path / "latin.txt", "--out", tmp_path / "m.lm"))
        assert "--encoding" in message
        assert "2" in message  # the line
        assert os.listdir(tmp_path) == ["latin.txt"]
        assert run(*train(tmp_path / "latin.txt", "--out", tmp_path / "m.lm", "--encoding", "latin-1")).code == 0
        words = [word["token"] for word in run("predict", tmp_path / "m.lm", "ein", "--json").json["next_words"]]
        assert "gr\u00f6\u00dferes" in words

    def test_unknown_encoding(self, fails, text: Path, tmp_path: Path) -> None:
        assert "latin-99" in fails(*train(text, "--encoding", "latin-99", "--out", tmp_path / "m.lm"), code=_either(1, 2))

    def test_folder_without_text(self, fails, tmp_path: Path) -> None:
        (tmp_path / "texts").mkdir()
        assert "texts" in fails(*train(tmp_path / "texts", "--out", tmp_path / "m.lm"))

    @pytest.mark.parametrize(
        "content", [b"word", b"word\n", b"one line of seven words and no more\n"], ids=["one word", "one word, one line", "one line"]
    )
    def test_small_texts_are_no_error(self, run, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "small.txt").write_bytes(content)
        assert run(*train(tmp_path / "small.txt", "--out", tmp_path / "m.lm")).code == 0
        values = run("predict", tmp_path / "m.lm", "", "--top", 100, "--json").json["next_words"]
        assert sum(word["probability"] for word in values) == pytest.approx(1, abs=1e-5)
        assert run("generate", tmp_path / "m.lm", "--seed", 1).code == 0

    def test_one_line_of_ten_million_characters(self, run, tmp_path: Path) -> None:
        (tmp_path / "long.txt").write_text("the cat sat on a mat and " * 400_000, encoding="utf-8")
        assert (tmp_path / "long.txt").stat().st_size == 10_000_000
        assert run(*train(tmp_path / "long.txt", "--out", tmp_path / "m.lm")).code == 0
        values = run("perplexity", tmp_path / "m.lm", tmp_path / "long.txt", "--json").json
        assert values["tokens"] == 7 * 400_000 + 1
        assert values["perplexity"] < 1.1

    def test_one_word_of_ten_million_characters(self, run, tmp_path: Path) -> None:
        (tmp_path / "long.txt").write_bytes(b"a" * 10_000_000)
        assert run(*train(tmp_path / "long.txt", "--out", tmp_path / "m.lm")).code == 0


def _either(*codes: int) -> int:
    """An exit code that is one of several."""

    class Any(int):
        def __eq__(self, other: object) -> bool:
            return other in codes

        __hash__ = int.__hash__

    return Any(codes[0])


class TestModels:
    def test_missing(self, fails, text: Path, tmp_path: Path) -> None:
        for words in (["perplexity", tmp_path / "no.lm", text], ["predict", tmp_path / "no.lm"], ["info", tmp_path / "no.lm"]):
            assert f"{tmp_path / 'no.lm'}" in fails(*words)

    def test_a_text_is_no_model(self, fails, text: Path) -> None:
        assert str(text) in fails("info", text)

    def test_an_empty_file_is_no_model(self, fails, tmp_path: Path) -> None:
        (tmp_path / "empty.lm").touch()
        fails("info", tmp_path / "empty.lm")

    def test_a_folder_is_no_model(self, fails, tmp_path: Path) -> None:
        fails("predict", tmp_path)

    @pytest.mark.parametrize("kept", [0.01, 0.3, 0.6, 0.99])
    def test_own_file_cut(self, fails, model: Path, tmp_path: Path, kept: float) -> None:
        whole = model.read_bytes()
        (tmp_path / "cut.lm").write_bytes(whole[: int(len(whole) * kept)])
        assert str(tmp_path / "cut.lm") in fails("predict", tmp_path / "cut.lm", "the")

    @pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.99])
    def test_arpa_cut(self, fails, arpa: Path, tmp_path: Path, kept: float) -> None:
        whole = arpa.read_bytes()
        (tmp_path / "cut.arpa").write_bytes(whole[: int(len(whole) * kept)])
        assert str(tmp_path / "cut.arpa") in fails("perplexity", tmp_path / "cut.arpa", arpa)

    def test_arpa_with_a_wrong_count(self, fails, arpa: Path, tmp_path: Path) -> None:
        lines = arpa.read_text().splitlines(keepends=True)
        place = next(i for i, line in enumerate(lines) if line.startswith("ngram 2="))
        count = int(lines[place].split("=")[1])
        for wrong in (count - 1, count + 1):
            lines[place] = f"ngram 2={wrong}\n"
            (tmp_path / "wrong.arpa").write_text("".join(lines))
            assert "wrong.arpa" in fails("info", tmp_path / "wrong.arpa")

    def test_arpa_with_nan(self, fails, arpa: Path, tmp_path: Path) -> None:
        lines = arpa.read_text().splitlines(keepends=True)
        place = lines.index("\\2-grams:\n") + 3
        lines[place] = "nan\t" + lines[place].split("\t", 1)[1]
        (tmp_path / "nan.arpa").write_text("".join(lines))
        message = fails("info", tmp_path / "nan.arpa")
        assert str(place + 1) in message.replace(",", "")  # the line

    @pytest.mark.parametrize("size", ["999999999999999", "99999999999999999999999999"])
    def test_arpa_that_declares_a_huge_size(self, fails, arpa: Path, tmp_path: Path, size: str) -> None:
        lines = arpa.read_text().splitlines(keepends=True)
        place = next(i for i, line in enumerate(lines) if line.startswith("ngram 3="))
        lines[place] = f"ngram 3={size}\n"
        (tmp_path / "huge.arpa").write_text("".join(lines))
        assert "huge.arpa" in fails("info", tmp_path / "huge.arpa")


class TestOutputs:
    def test_folder_that_is_missing_is_told_before_any_work(self, fails, text: Path, tmp_path: Path) -> None:
        message = fails(*train(text, "--out", tmp_path / "no" / "m.lm"))
        assert "does not exist" in message

    def test_output_that_is_a_folder(self, fails, text: Path, tmp_path: Path) -> None:
        assert "is a folder" in fails(*train(text, "--out", tmp_path))

    def test_a_pipe_is_told_before_any_work(self, fails, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "m.lm").symlink_to("pipe")
        for name in ("pipe", "m.lm"):
            assert "is a pipe" in fails(*train(tmp_path / "nowhere.txt", "--out", tmp_path / name))
        assert (tmp_path / "pipe").is_fifo()

    def test_a_link_is_written_through(self, run, text: Path, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "m.lm").symlink_to(tmp_path / "real" / "m.lm")
        assert run(*train(text, "--out", tmp_path / "m.lm")).code == 0
        assert (tmp_path / "m.lm").is_symlink()
        assert os.listdir(tmp_path / "real") == ["m.lm"]

    @pytest.mark.parametrize("name", ["m.lm", "m.arpa", "m.arpa.gz"])
    def test_full_disk(self, text: Path, tmp_path: Path, name: str) -> None:
        """A limit on the size of files stands for the full disk: the write fails half-way."""
        (tmp_path / name).write_bytes(b"what was there before")

        def limit() -> None:
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

        words = [sys.executable, "-m", "lmkit_cli", *map(str, train(text, "--out", tmp_path / name))]
        surroundings = os.environ | {"LMKIT_CACHE": str(tmp_path / "cache")}
        first = [*words[:-4], "--out", str(tmp_path / f"first-{name}"), *words[-2:]]
        subprocess.run(first, check=True, capture_output=True, env=surroundings)  # so that all kernels are compiled and stored
        (tmp_path / f"first-{name}").unlink()
        done = subprocess.run(words, capture_output=True, text=True, preexec_fn=limit, env=surroundings)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / name}: the disk is full")
        assert "Traceback" not in done.stderr
        assert (tmp_path / name).read_bytes() == b"what was there before"
        assert sorted(os.listdir(tmp_path)) in ([name], ["cache", name])

    def test_folder_that_takes_no_files(self, fails, text: Path) -> None:
        message = fails(*train(text, "--out", "/proc/m.lm"))
        assert "takes no new files" in message or "no permission" in message
        assert "does not exist" not in message

    @pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
    def test_folder_without_permission(self, fails, text: Path, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir(mode=0o500)
        assert "no permission" in fails(*train(text, "--out", tmp_path / "locked" / "m.lm"))
