"""Estimation within a bound of memory, straight into a file: the same bytes every way, and nothing half-made left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from lmkit import NgramLanguageModel, TextOptions, _memory, load
from lmkit.errors import InvalidParameterError, LmkitError, OutputError, UsageError
from lmkit.ngram.counting import counts as counting
from lmkit.ngram.counting import estimation, planning
from lmkit.ngram.counting import workspace as workspaces
from lmkit.ngram.counting.workspace import DiskWorkspace, Workspace
from lmkit.ngram.querying import backoff
from lmkit.ngram.smoothing import get_method, method_names
from lmkit.text.encoding import as_corpus

WORDS = 400


def make_text(sentences: int, seed: int = 1) -> str:
    rng = np.random.default_rng(seed)
    lines = (" ".join(f"w{min(word, WORDS)}" for word in rng.zipf(1.3, rng.integers(0, 15)).tolist()) for _ in range(sentences))
    return "\n".join(lines) + "\n"


TEXT = make_text(3000)


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> list[DiskWorkspace]:
    """Every bound of memory leads to the disk, with tiny buffers; the workspaces that were made. Even small arrays come from pools."""
    made: list[DiskWorkspace] = []
    monkeypatch.setattr(workspaces, "POOL_UNIT", 64)

    def make(
        text: object,
        vocabulary_size: int,
        order: int,
        *,
        memory: int | None,
        folder: Path,
        threads: int | None,
        target: object,
        pruned: bool,
        as_text: bool,
        reuse: bool,
    ) -> Workspace:
        if memory is None:
            return Workspace(threads, reuse=reuse)
        made.append(DiskWorkspace(folder, 200_000, threads))
        return made[-1]

    monkeypatch.setattr(estimation, "make_workspace", make)
    return made


def saved(path: Path, **parameters: object) -> bytes:
    NgramLanguageModel(**parameters).fit(TEXT).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("order", [1, 2, 5, 8])
@pytest.mark.parametrize("sentences", ["line", "none"])
def test_every_way_gives_the_same_file(order: int, sentences: str, tmp_path: Path, on_disk: list[DiskWorkspace]) -> None:
    reading = TextOptions(sentences=sentences)
    expected = saved(tmp_path / "a", order=order, reading=reading, threads=1)
    assert saved(tmp_path / "b", order=order, reading=reading, threads=3) == expected
    assert saved(tmp_path / "c", order=order, reading=reading, memory="1M", temp=tmp_path) == expected
    for name, parameters in (("d", {}), ("e", {"memory": "1M"}), ("f", {"memory": "1M", "threads": 1})):
        model = NgramLanguageModel(order=order, reading=reading, **parameters).fit_to_file(TEXT, tmp_path / name)
        assert (tmp_path / name).read_bytes() == expected
        again = load(tmp_path / name)
        assert model.perplexity("w1 w2 w9 oov") == again.perplexity("w1 w2 w9 oov") < 1000
        assert model.info() == again.info()
    assert len(on_disk) == 3
    again.write_arpa(tmp_path / "g.arpa")
    for name, parameters in (("h.arpa", {}), ("i.arpa", {"memory": "1M", "threads": 2})):
        assert NgramLanguageModel(order=order, reading=reading, **parameters).fit_to_arpa(TEXT, tmp_path / name) == again.info()
        assert (tmp_path / name).read_bytes() == (tmp_path / "g.arpa").read_bytes()
    assert len(on_disk) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "d", "e", "f", "g.arpa", "h.arpa", "i.arpa"]


@pytest.mark.parametrize("smoothing", method_names())
def test_every_method_gives_the_same_file_on_disk(smoothing: str, tmp_path: Path, on_disk: list[DiskWorkspace]) -> None:
    held_out = make_text(200, 2) if get_method(smoothing).held_out_use == "required" else None
    model = NgramLanguageModel(order=4, smoothing=smoothing)
    model.fit(TEXT, held_out=held_out).save(tmp_path / "a")
    model.fit_to_file(TEXT, tmp_path / "b", held_out=held_out)
    NgramLanguageModel(order=4, smoothing=smoothing, memory="1M").fit_to_file(TEXT, tmp_path / "c", held_out=held_out)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    assert len(on_disk) == 1


def test_wide_numbers_give_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_disk: list[DiskWorkspace]) -> None:
    narrow = NgramLanguageModel(order=6).fit(TEXT)
    monkeypatch.setattr(counting, "NARROW_LIMIT", 100)
    assert saved(tmp_path / "counted", order=6) == (narrow.save(tmp_path / "narrow"), (tmp_path / "narrow").read_bytes())[1]
    monkeypatch.setattr(backoff, "NARROW_LIMIT", 100)
    expected = saved(tmp_path / "wide", order=6)
    model = NgramLanguageModel(order=6, memory="1M").fit_to_file(TEXT, tmp_path / "streamed")
    assert (tmp_path / "streamed").read_bytes() == expected
    assert model.trie_.nodes.dtype == backoff.WIDE_NODE
    for field in ("log10_prob", "log10_bow", "first_child", "link"):
        np.testing.assert_array_equal(getattr(model.trie_, field), getattr(narrow.trie_, field))
    text = as_corpus(make_text(50, 3))
    np.testing.assert_array_equal(model.score(text).log_probabilities, narrow.score(text).log_probabilities)


def test_a_long_header_finds_room(tmp_path: Path) -> None:
    """At order 60 the notes about fallback discounts take more than was kept for them."""
    text = "\n".join(" ".join(f"w{(i * j) % 7}" for j in range(70)) for i in range(5))
    model = NgramLanguageModel(order=60).fit(text)
    model.save(tmp_path / "a")
    NgramLanguageModel(order=60).fit_to_file(text, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert int.from_bytes((tmp_path / "a").read_bytes()[:8], "little") > 8192


def test_a_text_that_fits_is_counted_in_memory(tmp_path: Path) -> None:
    corpus = as_corpus(TEXT)
    text = planning.Text(corpus.ids, corpus.sentence_offsets, True)
    arguments = {"memory": 10 << 30, "folder": tmp_path, "threads": 1}
    assert type(planning.make_workspace(text, len(corpus.vocabulary), 5, **arguments)) is Workspace
    taken = _memory.resident_memory()
    monkey = {**arguments, "memory": taken + (60 << 20)}
    big = planning.Text(np.tile(corpus.ids, 60), np.concatenate([corpus.sentence_offsets[:1], np.arange(1, 61) * len(corpus)]), True)
    assert isinstance(planning.make_workspace(big, len(corpus.vocabulary), 5, **monkey), DiskWorkspace)


def test_too_little_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidParameterError, match=r"^The 'memory' parameter of .* must be at least [\d.]+ [MG]B .* Got 1\.0 MB instead\.$"
    ):
        NgramLanguageModel(memory="1M").fit_to_file(TEXT, tmp_path / "m")
    with pytest.raises(InvalidParameterError, match=r"^The 'memory' .* if its model is pruned, .* Got [\d.]+ [MG]B instead\.$"):
        NgramLanguageModel(memory=_memory.resident_memory(), pruning=(0, 1)).fit(TEXT)
    assert NgramLanguageModel(memory="100%", pruning=(0, 1)).fit(TEXT).trie_.order == 5
    for value in ("lots", "0", "-3G", 0, 2.5, "120 X"):
        with pytest.raises(InvalidParameterError, match="must be a size such as '2G'"):
            NgramLanguageModel(memory=value).fit(TEXT)
    with pytest.raises(UsageError, match="is no folder"):
        NgramLanguageModel(memory="8G", temp=tmp_path / "none").fit(TEXT)
    assert list(tmp_path.iterdir()) == []


def test_sizes() -> None:
    sizes = [_memory.parse_size("X", "memory", value) for value in (5, "5", "2K", "1.5 MB", "2GiB", "3t")]
    assert sizes == [5, 5, 2048, 3 << 19, 2 << 30, 3 << 40]
    assert [_memory.bytes_of(text) for text in ("0", "8Gi", "1.5 MB", "50%", "", "M")] == [0, 8 << 30, 3 << 19, None, None, None]
    assert _memory.parse_size("X", "memory", "50%") == _memory.machine_memory() // 2
    assert [_memory.show_size(size) for size in (10, 2048, 3 << 19, 2 << 30)] == ["10 bytes", "2.0 KB", "1.5 MB", "2.0 GB"]


def test_a_disk_with_too_little_space_is_refused_before_anything_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(100, 60, 40))
    monkeypatch.setattr(estimation, "count_ngrams", None)
    message = r"has 40 bytes free, and the model will take about [\d.]+ [KM]B; free some space or name another place with --out\.$"
    with pytest.raises(OutputError, match=message):
        NgramLanguageModel(memory="8G").fit_to_file(TEXT, tmp_path / "m")
    monkeypatch.setattr(_memory, "resident_memory", lambda: 0)
    with pytest.raises(OutputError, match=r"and temporary files will take about .* --temp\.$"):
        NgramLanguageModel(memory=(49 << 20) + planning._WORD_BYTES * (WORDS + 4)).fit(TEXT * 60)
    assert list(tmp_path.iterdir()) == []


PAUSED = """
import sys, time
from pathlib import Path
from lmkit.ngram.formats import native
finish = native.NativeWriter.finish
def wait(self, metadata):
    print("nearly done", flush=True)
    time.sleep(60)
native.NativeWriter.finish = wait
from lmkit_cli.app import main
main(["train-ngram", sys.argv[1], "--out", sys.argv[2], "--quiet", *sys.argv[3:]])
"""


@pytest.mark.parametrize("options", [[], ["--memory", "100%"]])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_end_in_the_middle_leaves_nothing_that_loads(number: signal.Signals, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text(make_text(300))
    folder = tmp_path / "models"
    folder.mkdir()
    command = [sys.executable, "-c", PAUSED, str(tmp_path / "text"), str(folder / "m.lm"), *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "LMKIT_CACHE_SIZE": "0"}
    ) as process:
        assert process.stdout.readline() == "nearly done\n"
        parts = list(folder.iterdir())
        assert len(parts) == 1
        assert parts[0].stat().st_size > 10_000
        process.send_signal(number)
        process.wait(timeout=30)
    assert not (folder / "m.lm").exists()
    for path in folder.iterdir():
        with pytest.raises(LmkitError):
            load(path)
    if number != signal.SIGKILL:
        assert list(folder.iterdir()) == []
        assert process.returncode == 128 + number


FULL = """
import resource, sys
from lmkit_cli.app import main
from lmkit.ngram.model import NgramLanguageModel
NgramLanguageModel(order=3).fit("warm up the kernels\\n" * 3)
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main(["train-ngram", sys.argv[1], "--out", sys.argv[2], "--quiet"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes")
@pytest.mark.parametrize("limit", [700, 20_000, 60_000])
def test_a_full_disk_leaves_nothing(limit: int, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(make_text(300))
    folder = tmp_path / "models"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "text"), str(folder / "m.lm"), str(limit)],
        capture_output=True,
        text=True,
        env={**os.environ, "LMKIT_CACHE_SIZE": "0"},
    )
    assert (done.returncode, list(folder.iterdir())) == (1, [])
    assert done.stderr.endswith("m.lm: the disk is full, so nothing was written there; free some space or name another place.\n")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the peak of memory from /proc")
def test_the_bound_holds_and_the_model_is_the_same(tmp_path: Path) -> None:
    """Two million words; without a bound the process takes about 300 MB."""
    rng = np.random.default_rng(4)
    words = np.array([f"word{i}" for i in range(30_000)])[np.minimum(rng.zipf(1.15, 2_500_000), 29_999)]
    (tmp_path / "text").write_text("\n".join(" ".join(words[i : i + 20]) for i in range(0, len(words), 20)))
    code = (
        "import re, sys\nfrom pathlib import Path\nfrom lmkit_cli.app import run\n"
        "assert run(['train-ngram', *sys.argv[1:], '--quiet']) == 0\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) >> 10)"
    )
    peaks, models = {}, {}
    for bound in (None, None, 260):  # the first run compiles
        options = [] if bound is None else ["--memory", f"{bound}M"]
        out = tmp_path / f"{bound}.lm"
        command = [sys.executable, "-c", code, str(tmp_path / "text"), "--out", str(out), *options]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks[bound], models[bound] = int(done.stdout.splitlines()[-1]), out.read_bytes()
    assert models[260] == models[None]
    assert peaks[260] <= 260 < peaks[None]
