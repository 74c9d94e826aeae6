"""Every command, end to end, on a small text."""

from __future__ import annotations

import gzip
import json
import math
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmkit_cli import app

KEYS = {
    "perplexity",
    "perplexity_without_oov",
    "perplexity_without_ends",
    "bits_per_character",
    "bits_per_byte",
    "tokens",
    "oov",
    "ends",
    "sentences",
    "vocabulary_size",
    "vocabulary_hash",
    "log10_probability",
}


class TestTrainNgram:
    def test_says_what_was_read_and_what_to_try_next(self, run, text: Path, tmp_path: Path) -> None:
        target = tmp_path / "m.lm"
        outcome = run("train-ngram", text, "-o", 3, "--out", target)
        assert outcome.code == 0
        assert target.is_file()
        assert "400 sentences" in outcome.out
        assert str(target) in outcome.out
        for order in (1, 2, 3):
            assert any(line.split()[:1] == [str(order)] for line in outcome.out.splitlines())
        for command in ("perplexity", "predict", "generate"):
            assert f"lmkit {command} {target}" in outcome.err

    def test_the_commands_it_proposes_run(self, run, text: Path, tmp_path: Path) -> None:
        import shlex

        proposed = [
            shlex.split(line)[1:]
            for line in run("train-ngram", text, "-o", 2, "--out", tmp_path / "with space.lm").err.splitlines()
            if line.startswith("  lmkit ")
        ]
        assert len(proposed) == 3
        for words in proposed:
            assert run(*[text if word == "TEXT" else word for word in words]).code == 0

    def test_json_is_one_object_on_standard_output(self, run, text: Path, tmp_path: Path) -> None:
        outcome = run("train-ngram", text, "-o", 3, "--out", tmp_path / "m.lm", "--json")
        assert outcome.json["model"] == str(tmp_path / "m.lm")
        assert outcome.json["bytes"] == (tmp_path / "m.lm").stat().st_size
        assert outcome.err == ""

    def test_quiet_prints_the_path_alone(self, run, text: Path, tmp_path: Path) -> None:
        outcome = run("train-ngram", text, "-o", 3, "--out", tmp_path / "m.lm", "--quiet")
        assert (outcome.out, outcome.err) == (f"{tmp_path / 'm.lm'}\n", "")

    def test_default_place_and_last(self, run, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "train one with `lmkit train-ngram`" in run("info", "last").err
        assert run("train-ngram", text, "-o", 2).code == 0
        assert (tmp_path / "models" / "ngram-small.lm").is_file()
        assert run("perplexity", "last", text, "--json").json["tokens"] > 0

    def test_reading_that_takes_more_than_the_bound_says_so(self, run, text: Path, tmp_path: Path) -> None:
        outcome = run("train-ngram", text, "--out", tmp_path / "m.lm", "--memory", "1M")
        assert outcome.code == 2
        assert re.search(r"reading the text took up to [\d.]+ [MG]B, more than --memory allows", outcome.err)
        assert not (tmp_path / "m.lm").exists()

    @pytest.mark.parametrize("ending", ["arpa", "arpa.gz"])
    def test_arpa_ending_writes_arpa(self, run, text: Path, tmp_path: Path, ending: str) -> None:
        target = tmp_path / f"m.{ending}"
        assert run("train-ngram", text, "-o", 2, "--out", target).code == 0
        content = target.read_bytes()
        assert b"\\data\\" in (gzip.decompress(content) if ending.endswith("gz") else content)[:200]

    @pytest.mark.parametrize(
        "options",
        [
            ["--unit", "char"],
            ["--unit", "byte"],
            ["--tokenizer", "treebank"],
            ["--tokenizer", "regex", "--lowercase"],
            ["--sentences", "paragraph"],
            ["--sentences", "detected"],
            ["--no-sentence-boundaries"],
            ["--blank-lines", "drop", "--fold-numbers"],
            ["--normalization", "NFKC"],
            ["--min-count", "2"],
            ["--vocab-size", "10"],
            ["--encoding", "latin-1"],
            ["--seed", "3", "--threads", "1"],
        ],
        ids=" ".join,
    )
    def test_options_reach_the_model_and_its_scores(self, run, text: Path, tmp_path: Path, options: list[str]) -> None:
        target = tmp_path / "m.lm"
        outcome = run("train-ngram", text, "-o", 3, "--out", target, *options)
        assert outcome.code == 0, outcome.err
        scored = run("perplexity", target, text, "--json").json
        assert 1 < scored["perplexity"] < 50

    @pytest.mark.parametrize(
        ("smoothing", "discounts"),
        [
            ("modified-kneser-ney", ["D1", "D2", "D3+"]),
            ("kneser-ney", ["D"]),
            ("absolute-discounting", ["D"]),
            ("witten-bell", []),
            ("katz", ["D"]),  # too small a text for its formula
            ("jelinek-mercer", []),
            ("additive", []),
            ("maximum-likelihood", []),
            ("stupid-back-off", []),
        ],
    )
    def test_every_smoothing_method(self, run, text: Path, tmp_path: Path, smoothing: str, discounts: list[str]) -> None:
        from lmkit.ngram.smoothing import method_names

        assert smoothing in method_names()
        outcome = run("train-ngram", text, "-o", 2, "--smoothing", smoothing, "--out", tmp_path / "m.lm")
        assert outcome.code == 0, outcome.err
        assert ["order", "n-grams", *discounts] in [line.split() for line in outcome.out.splitlines()]
        assert run("perplexity", tmp_path / "m.lm", text, "--json").json["perplexity"] > 1

    def test_the_help_names_every_smoothing_method(self, run) -> None:
        from lmkit.ngram.smoothing import method_names

        help_text = "".join(run("train-ngram", "--help").out.split())  # lines may break at a hyphen
        for name in method_names():
            assert name in help_text

    def test_held_out(self, run, fails, text: Path, other_text: Path, tmp_path: Path) -> None:
        words = ["train-ngram", text, "-o", 2, "--held-out", other_text, "--out", tmp_path / "m.lm"]
        assert run(*words, "--smoothing", "jelinek-mercer").code == 0
        assert "held-out" in fails(*words, code=2)  # modified Kneser-Ney computes its discounts by formula

    def test_vocabulary_size_counts_the_specials(self, run, text: Path, tmp_path: Path) -> None:
        run("train-ngram", text, "-o", 2, "--vocab-size", 10, "--out", tmp_path / "m.lm")
        scored = run("perplexity", tmp_path / "m.lm", text, "--json").json
        assert scored["oov"] > 0
        assert scored["vocabulary_size"] in (9, 10)  # <s> is never predicted

    def test_order_above_the_longest_sentence(self, run, tmp_path: Path) -> None:
        (tmp_path / "short.txt").write_text("a b\nb a\n", encoding="utf-8")
        outcome = run("train-ngram", tmp_path / "short.txt", "-o", 9, "--out", tmp_path / "m.lm")
        assert outcome.code == 0
        assert "Order 9 was lowered to 4" in outcome.out  # <s> a b </s> is the longest n-gram there is
        assert run("perplexity", tmp_path / "m.lm", tmp_path / "short.txt").code == 0

    def test_standard_input(self, text: Path, tmp_path: Path) -> None:
        with text.open() as stdin:
            done = subprocess.run(
                [sys.executable, "-m", "lmkit_cli", "train-ngram", "-", "-o", "2"],
                stdin=stdin,
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "models" / "ngram-stdin.lm").is_file()

    def test_options_that_exclude_each_other(self, fails, text: Path) -> None:
        assert "--unit char and --tokenizer treebank" in fails("train-ngram", text, "--unit", "char", "--tokenizer", "treebank", code=2)
        assert "exclude each other" in fails("train-ngram", text, "--sentences", "line", "--no-sentence-boundaries", code=2)

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ("--smoothing katz --back-off", "katz always backs off; leave out --back-off."),
            ("--smoothing jelinek-mercer --interpolate", "jelinek-mercer always interpolates; leave out --interpolate."),
            ("--smoothing additive --back-off", "has no such choice; leave out --back-off."),
            ("--prune 0,-1", "--prune: '0,-1' are no counts"),
            ("--memory abc", "--memory must be a size such as '2G', '500M' or '50%' (100% at most), or a number of bytes, not 'abc'."),
            ("--memory 150%", "--memory must be a size"),
            ("--vocabulary small.txt --min-count 2", "so --min-count has no use"),
            ("--vocabulary small.txt --vocab-size 9", "so --vocab-size has no use"),
        ],
    )
    def test_messages_name_what_was_typed(self, fails, text: Path, monkeypatch: pytest.MonkeyPatch, options: str, said: str) -> None:
        monkeypatch.chdir(text.parent)
        assert said in fails("train-ngram", text.name, *options.split(), code=2)

    def test_library_messages_name_the_option(self, fails, text: Path) -> None:
        message = fails("train-ngram", text, "--tokenizer", "nothing", code=2)
        assert message.startswith("Error: --tokenizer must be one of 'whitespace', ")
        assert message.endswith(", not 'nothing'.")
        assert fails("train-ngram", text, "--smoothing", "nothing", code=2).startswith("Error: --smoothing must be one of ")

    def test_a_failure_makes_no_models_folder(self, fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        fails("train-ngram", "missing.txt")
        assert os.listdir(tmp_path) == []


class TestPerplexity:
    def test_accounting_block(self, run, model: Path, other_text: Path) -> None:
        outcome = run("perplexity", model, other_text)
        assert outcome.code == 0
        for word in ("perplexity", "character", "byte", "vocabulary"):
            assert word in outcome.out.lower()

    def test_json_keys_and_their_arithmetic(self, run, model: Path, other_text: Path) -> None:
        values = run("perplexity", model, other_text, "--json").json
        assert values.keys() >= KEYS
        assert values["sentences"] == values["ends"] == 41
        assert values["oov"] == 1  # zebra
        words = sum(len(line.split()) for line in other_text.read_text().splitlines())
        assert values["tokens"] == words + 41
        assert values["perplexity"] == pytest.approx(10 ** (-values["log10_probability"] / values["tokens"]))
        bits = -values["log10_probability"] / math.log10(2)
        assert values["bits_per_character"] == pytest.approx(bits / len(other_text.read_text()))

    def test_per_word_adds_up(self, run, model: Path, other_text: Path) -> None:
        values = run("perplexity", model, other_text, "--per-word", "--json").json
        words = values["per_word"]
        assert len(words) == values["tokens"] == values["words"] + values["ends"]
        assert sum(word["log10_probability"] for word in words) == pytest.approx(values["log10_probability"])
        assert [word["token"] for word in words if word["is_oov"]] == ["zebra"]
        assert {word["ngram_length"] for word in words} <= {1, 2, 3}
        first_line = other_text.read_text().splitlines()[0].split()
        assert [word["token"] for word in words[: len(first_line) + 1]] == [*first_line, "</s>"]

    def test_per_word_table(self, run, model: Path, other_text: Path) -> None:
        lines = run("perplexity", model, other_text, "--per-word").out.splitlines()
        assert lines[0].split() == ["log10", "p", "n-gram", "back-off", "token"]
        assert any(line.endswith("zebra  (unknown word)") for line in lines)

    def test_arpa_scores_the_same(self, run, model: Path, arpa: Path, other_text: Path) -> None:
        own, other = (run("perplexity", path, other_text, "--json").json for path in (model, arpa))
        assert other["perplexity"] == pytest.approx(own["perplexity"], rel=1e-5)

    def test_a_stream_scores_as_the_file_does(self, run, model: Path, other_text: Path) -> None:
        with other_text.open() as stdin:
            done = subprocess.run(
                [sys.executable, "-m", "lmkit_cli", "perplexity", str(model), "-", "--json"],
                stdin=stdin,
                capture_output=True,
                text=True,
                check=True,
            )
        streamed, read = json.loads(done.stdout), run("perplexity", model, other_text, "--json").json
        for key in KEYS:
            assert streamed[key] == pytest.approx(read[key]) if isinstance(read[key], float) else streamed[key] == read[key]

    def test_a_line_of_a_stream_is_answered_before_the_next(self, model: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "lmkit_cli", "perplexity", str(model), "-", "--per-word"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("the cat saw it\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(6)]  # the head, four words, the end
        assert lines[-1].split()[-1] == "</s>"
        assert process.poll() is None
        process.stdin.close()
        assert "perplexity" in process.stdout.read().lower()
        process.stdout.close()
        assert process.wait(30) == 0

    def test_empty_standard_input(self, model: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "lmkit_cli", "perplexity", str(model), "-"], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 1
        assert done.stderr.startswith("Error: ")
        assert done.stdout == ""

    def test_ctrl_c_while_waiting_for_input(self, model: Path) -> None:
        import signal

        process = subprocess.Popen(
            [sys.executable, "-m", "lmkit_cli", "perplexity", str(model), "-", "--per-word"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("the cat\n")
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(4)]  # the head, two words, the end: now it waits
        assert lines[-1].split()[-1] == "</s>"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode in (130, -signal.SIGINT)  # Python itself dies of SIGINT when it was in the midst of an exec()
        assert errors == "\nInterrupted: no file was left half-written.\n"

    def test_a_reader_that_leaves_early_is_no_error(self, model: Path, text: Path) -> None:
        command = f"{sys.executable} -m lmkit_cli perplexity {model} {text} --per-word | head -n 1"
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1


class TestPredict:
    def test_table(self, run, model: Path) -> None:
        lines = run("predict", model, "the old", "--top", 3).out.splitlines()
        assert lines[0].split() == ["next", "probability", "n-gram"]
        assert lines[1].split()[:2] == ["1", "man"]
        assert len(lines) == 5

    def test_json(self, run, model: Path) -> None:
        values = run("predict", model, "the old", "--top", 4, "--json").json
        assert values["prompt"] == "the old"
        assert values["next_words"][0]["token"] == "man"
        probabilities = [word["probability"] for word in values["next_words"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) <= 1 + 1e-6

    def test_all_words_sum_to_one(self, run, model: Path) -> None:
        values = run("predict", model, "", "--top", 10000, "--json").json
        assert sum(word["probability"] for word in values["next_words"]) == pytest.approx(1, abs=1e-5)

    def test_mid_sentence(self, run, fails, model: Path, other_text: Path, tmp_path: Path) -> None:
        first, anywhere = (run("predict", model, *words, "--json").json["next_words"] for words in ([], ["--mid-sentence"]))
        assert first[0]["ngram_length"] == 2  # after <s>
        assert {word["ngram_length"] for word in anywhere} == {1}
        assert "</s>" in {word["token"] for word in anywhere}
        assert run("mix", model, model, "--weights", ".5,.5", "--out", tmp_path / "mix.lm").code == 0
        assert "no n-gram model" in fails("predict", tmp_path / "mix.lm", "the", "--mid-sentence", code=2)

    def test_a_prompt_that_is_no_text(self, fails, model: Path) -> None:
        assert "not valid text" in fails("predict", model, "the \udcff", code=2)


class TestGenerate:
    def test_seeded(self, run, model: Path) -> None:
        first, second, third = (run("generate", model, "--seed", seed, "--count", 5).out for seed in (1, 1, 2))
        assert first == second != third
        assert len(first.splitlines()) == 5

    def test_without_a_seed_it_tells_the_one_it_drew(self, run, model: Path) -> None:
        outcome = run("generate", model, "--count", 3)
        seed = outcome.err.split("--seed ")[1].split()[0]
        assert run("generate", model, "--count", 3, "--seed", seed).out == outcome.out

    def test_prompt_and_argmax(self, run, model: Path) -> None:
        first, second = (run("generate", model, "--prompt", "the old", "--argmax").out for _ in range(2))
        assert first == second
        assert first.startswith("the old man ")

    @pytest.mark.parametrize("options", [["--top-k", 1], ["--top-p", 0.00001], ["--temperature", 0.001]])
    def test_narrow_draws_are_the_argmax(self, run, model: Path, options: list[object]) -> None:
        assert run("generate", model, *options, "--seed", 5).out == run("generate", model, "--argmax").out

    def test_max_tokens(self, run, model: Path) -> None:
        outcome = run("generate", model, "--max-tokens", 1, "--count", 20, "--seed", 1, "--json").json
        assert outcome["seed"] == 1
        assert max(len(text.split()) for text in outcome["texts"]) == 1

    def test_temperature_zero_is_refused(self, fails, model: Path) -> None:
        assert "temperature" in fails("generate", model, "--temperature", 0, code=2)


class TestInfoAndConvert:
    def test_card(self, run, model: Path) -> None:
        outcome = run("info", model)
        assert outcome.code == 0
        assert "modified-kneser-ney" in outcome.out
        assert "order" in outcome.out

    def test_card_as_json(self, run, model: Path) -> None:
        card = run("info", model, "--json").json
        assert card["path"] == str(model)
        assert card["order"] == 3

    def test_card_of_an_arpa_file(self, run, arpa: Path) -> None:
        assert run("info", arpa, "--json").json["order"] == 3

    def test_there_and_back(self, run, model: Path, arpa: Path, tmp_path: Path) -> None:
        assert run("convert", arpa, tmp_path / "back.lm").code == 0
        assert run("convert", tmp_path / "back.lm", tmp_path / "again.arpa").code == 0
        assert (tmp_path / "again.arpa").read_bytes() == arpa.read_bytes()

    def test_named_format(self, run, model: Path, arpa: Path, tmp_path: Path) -> None:
        assert run("convert", model, tmp_path / "model.txt", "--to", "arpa", "--json").json["format"] == "arpa"
        assert (tmp_path / "model.txt").read_bytes() == arpa.read_bytes()

    def test_options_of_vectors_are_refused(self, fails, model: Path, tmp_path: Path) -> None:
        for option in (["--digits", "classic"], ["--errors", "skip"], ["--errors", "strict"]):
            assert f"{option[0]} is about word vectors" in fails("convert", model, tmp_path / "m.arpa", *option, code=2)

    def test_scored_events_are_named(self, run, fails, model: Path, text: Path, tmp_path: Path) -> None:
        assert run("score", model, text, "--out", tmp_path / "e.lm").code == 0
        assert "holds scored events" in fails("info", tmp_path / "e.lm")
        assert run("score", model, text, "-o", 3).code == 2  # the order elsewhere

    def test_onto_itself(self, fails, model: Path) -> None:
        assert "name another file" in fails("convert", model, model, code=2)


class TestCorpus:
    def test_list(self, run) -> None:
        outcome = run("corpus", "list")
        assert outcome.code == 0
        assert "sotu" in outcome.out

    def test_show(self, run) -> None:
        outcome = run("corpus", "show", "sotu")
        assert outcome.code == 0
        assert "sha256" in outcome.out.lower()

    def test_unknown_name(self, fails) -> None:
        fails("corpus", "show", "sotuu", code=2)


def test_from_text_to_text_in_a_process(text: Path, other_text: Path, tmp_path: Path) -> None:
    """The whole way through the program as a person runs it."""

    def lmkit(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "lmkit_cli", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": "7"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    lmkit("train-ngram", str(text), "--order", "4", "--out", "m.lm")
    assert json.loads(lmkit("perplexity", "m.lm", str(other_text), "--json"))["perplexity"] < 20
    assert "man" in lmkit("predict", "m.lm", "the old")
    assert len(lmkit("generate", "m.lm", "--count", "3", "--seed", "1").splitlines()) == 3
    lmkit("convert", "m.lm", "m.arpa.gz")
    assert json.loads(lmkit("info", "m.arpa.gz", "--json"))["order"] == 4


def test_no_command_is_left_out() -> None:
    """Every file of the package that defines a command has its row or stands in a group that has one, and every row has its file."""
    folder = Path(app.__file__).parent
    in_groups = {
        found
        for path in folder.glob("*.py")
        for found in re.findall(r"^command\.command\(\S+\)\((\w+)\.command\)", path.read_text(), re.MULTILINE)
    }
    defining = {path.stem for path in folder.glob("*.py") if re.search(r"^(def command\(|command = )", path.read_text(), re.MULTILINE)}
    assert {row.module for row in app.COMMANDS.values()} == defining - in_groups
    assert in_groups
    assert in_groups <= defining


def test_convert_packs_and_tells_what_rounding_costs(run, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    rng = random.Random(0)
    text.write_text("".join(" ".join(rng.choice("abcdefgh") * rng.randint(1, 3) for _ in range(8)) + "\n" for _ in range(400)))
    model, small = tmp_path / "m.lm", tmp_path / "small.lm"
    assert run("train-ngram", text, "--order", 4, "--out", model).code == 0
    assert run("convert", model, small, "--compact").code == 0
    assert small.stat().st_size < 0.7 * model.stat().st_size
    assert run("perplexity", small, text).out == run("perplexity", model, text).out
    told = json.loads(run("convert", model, small, "--quantize", 5, "--held-out", text, "--json").out)
    assert told["perplexity"] != told["perplexity_quantized"]
    assert told["perplexity_quantized"] == pytest.approx(told["perplexity"], rel=0.1)
    assert run("convert", model, tmp_path / "m.arpa", "--compact").code == 2


class TestSeveralModels:
    @pytest.fixture
    def other(self, run, text: Path, tmp_path: Path) -> Path:
        """A model of lower order that knows fewer words."""
        assert run("train-ngram", text, "-o", 2, "--vocab-size", 12, "--out", tmp_path / "other.lm").code == 0
        return tmp_path / "other.lm"

    def test_a_row_for_each(self, run, model: Path, other: Path, other_text: Path) -> None:
        lines = run("perplexity", model, other, other_text).out.splitlines()
        assert lines[0].split()[:2] == ["model", "perplexity"]
        for line, path in zip(lines[1:3], (model, other), strict=True):
            alone = run("perplexity", path, other_text, "--json").json
            assert line.split()[0] == str(path)
            assert float(line.split()[1].replace(",", "")) == pytest.approx(alone["perplexity"], abs=1e-5)
        assert any("different vocabularies" in line for line in lines)

    def test_json_holds_for_each_what_it_holds_alone(self, run, model: Path, other: Path, other_text: Path) -> None:
        values = run("perplexity", model, other, other_text, "--per-word", "--json").json
        assert values["text"] == str(other_text)
        for found, path in zip(values["models"], (model, other), strict=True):
            alone = run("perplexity", path, other_text, "--per-word", "--json").json
            assert found == {key: value for key, value in alone.items() if key not in ("text", "notes")}

    def test_words_side_by_side(self, run, model: Path, other: Path, other_text: Path) -> None:
        lines = run("perplexity", model, other, other_text, "--per-word").out.splitlines()
        assert lines[:2] == [f"1: {model}", f"2: {other}"]
        assert lines[3].split() == ["log10", "p", "n-gram", "back-off"] * 2 + ["token"]
        assert any(line.endswith("zebra  (unknown word)") for line in lines)
        assert any(line.endswith("  (unknown to 2)") for line in lines)

    def test_models_that_read_differently(self, run, fails, model: Path, text: Path, tmp_path: Path, other_text: Path) -> None:
        characters = tmp_path / "characters.lm"
        run("train-ngram", text, "-o", 3, "--unit", "char", "--out", characters)
        outcome = run("perplexity", model, characters, other_text)
        assert outcome.code == 0
        assert "different events" in outcome.out
        assert "one reading" in fails("perplexity", model, characters, "-", code=2)
        assert "one reading" in fails("perplexity", model, characters, other_text, "--per-word", code=2)


@pytest.mark.parametrize("unit", ["word", "char", "byte"])
def test_continuous_text_scores_alike_however_it_arrives(run, text: Path, other_text: Path, tmp_path: Path, unit: str) -> None:
    """The last words of one part of a stream are the history of the next one's first words."""
    model = tmp_path / "continuous.lm"
    assert run("train-ngram", text, "-o", 4, "--unit", unit, "--no-sentence-boundaries", "--out", model).code == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "lmkit_cli", "perplexity", str(model), "-", "--per-word", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    content = other_text.read_bytes()
    for start in range(0, len(content), len(content) // 3):
        process.stdin.write(content[start : start + len(content) // 3])
        process.stdin.flush()
        time.sleep(0.2)
    out, _ = process.communicate(timeout=60)
    streamed, whole = json.loads(out), run("perplexity", model, other_text, "--per-word", "--json").json
    assert streamed["per_word"] == whole["per_word"]
    for key in KEYS | {"characters", "bytes"}:
        assert streamed[key] == pytest.approx(whole[key])


def test_notes_of_a_stream(model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lmkit_cli", "perplexity", str(model), "-"], input="the cat\n\nthe <unk>\n", capture_output=True, text=True
    )
    assert "1 literal <unk>" in done.stderr
    assert "(in line 3)" in done.stderr
    assert "1 blank line counts" in done.stderr


def test_ctrl_c_while_the_program_loads() -> None:
    import signal

    program = """
import sys, time
class Slow:
    def find_spec(name, path, target=None):
        if name == "lmkit_cli.app":
            print("loading", flush=True)
            time.sleep(30)
sys.meta_path.insert(0, Slow)
from lmkit_cli.__main__ import main
main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs begin with it ignored
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (-signal.SIGINT, "")


def test_a_word_of_thousands_of_characters_stays_within_tables(run, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("a" * 5000 + "\n", encoding="utf-8")
    assert len(run("train-ngram", tmp_path / "long.txt", "-o", 2, "--out", tmp_path / "m.lm").err) < 1000
    assert "(5,000 characters)" in run("predict", tmp_path / "m.lm").out
    assert len(run("perplexity", tmp_path / "m.lm", tmp_path / "long.txt", "--per-word").out) < 2000


def test_counts_of_a_text_read_otherwise(run, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a caf\u00e9\n\nA cafe\u0301 12\n", encoding="utf-8")
    plain = run("count", path, "--order", 1).out.splitlines()
    assert "<s>\t3" in plain
    assert {"caf\u00e9\t1", "cafe\u0301\t1"} <= set(plain)
    other = run(
        "count", path, "--order", 1, "--blank-lines", "drop", "--normalization", "NFC", "--lowercase", "--fold-numbers"
    ).out.splitlines()
    assert set(other) == {"<s>\t2", "</s>\t2", "a\t2", "caf\u00e9\t2", "N\t1"}


def test_a_text_of_counts_is_known_by_its_content(run, text: Path, tmp_path: Path) -> None:
    assert run("count", text, "--order", 2, "--out", tmp_path / "c.txt").code == 0
    outcome = run("ngrams", tmp_path / "c.txt")
    assert outcome.out == run("ngrams", text).out
    assert "is read as a table of counts" in outcome.err
    (tmp_path / "no.txt").write_text("the\t1\nthe cat\n", encoding="utf-8")
    assert "table" not in run("ngrams", tmp_path / "no.txt").err


def test_plots_tell_the_numbers_drawn(run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "t.txt").write_text("a b a\nb a c\n", encoding="utf-8")
    drawn = run("plot", "zipf", tmp_path / "t.txt", "--out", tmp_path / "z.png", "--json").json
    assert drawn["orders"]["1"] == {"ranks": [1, 2, 3, 4, 5], "counts": [3, 2, 2, 2, 1]}
    drawn = run("plot", "counts-of-counts", tmp_path / "t.txt", "--out", tmp_path / "n.png", "--order", 1, "--json").json
    assert drawn["counts_of_counts"]["1"][:4] == [1, 3, 1, 0]
