"""`lmkit train-rnn` and `train-nnlm`, and the other commands on their models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmkit.errors import OutputError

SMALL = ["--hidden", 12, "--epochs", 2, "--batch", 4, "--seed", 1, "--threads", 1]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, text: Path, other_text: Path) -> Path:
    from lmkit_cli import app

    target = tmp_path_factory.mktemp("rnn") / "m.lm"
    words = [
        "train-rnn",
        text,
        "--layers",
        1,
        *SMALL,
        "--valid",
        other_text,
        "--out",
        target,
        "--log",
        target.with_suffix(".jsonl"),
        "--quiet",
    ]
    assert app.run([str(word) for word in words]) == 0
    return target


def test_train_rnn_says_how_it_went(run, text: Path, other_text: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.lm"
    outcome = run("train-rnn", text, "--cell", "gru", "--layers", 1, *SMALL, "--valid", other_text, "--out", target)
    assert outcome.code == 0, outcome.err
    assert "400 sentences" in outcome.out
    assert [line.split()[0] for line in outcome.out.splitlines() if line.strip()[:1].isdigit()] == ["1.00", "2.00"]
    assert "Perplexity of the valid text" in outcome.out
    assert "the state carried from sentence to sentence" in outcome.out
    for command in ("perplexity", "predict", "generate"):
        assert f"lmkit {command} {target}" in outcome.err
    assert not target.with_name("m.lm.checkpoint").exists()


def test_a_full_disk_at_the_end_costs_no_training(run, fails, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmkit.neural.models import RecurrentLanguageModel

    target = tmp_path / "m.lm"
    words = ["train-rnn", text, "--layers", 1, *SMALL, "--out", target, "--checkpoint-minutes", 0, "--json"]
    with monkeypatch.context() as patch:
        patch.setattr(RecurrentLanguageModel, "save", lambda self, path: (_ for _ in ()).throw(OutputError(f"{path}: the disk is full.")))
        assert "the disk is full" in fails(*words)
    assert target.with_name("m.lm.checkpoint").exists()
    outcome = run(*words, "--resume")
    assert outcome.code == 0, outcome.err
    assert target.exists()
    assert not target.with_name("m.lm.checkpoint").exists()


def test_the_log_is_json_lines(trained: Path) -> None:
    records = [json.loads(line) for line in trained.with_suffix(".jsonl").read_text().splitlines()]
    assert [record["event"] for record in records if record["event"] == "validation"] == ["validation"] * 2
    assert all(record["valid_perplexity"] > 1 for record in records if record["event"] == "validation")


def test_perplexity_says_whether_the_state_is_carried(run, trained: Path, other_text: Path) -> None:
    carried, reset = run("perplexity", trained, other_text, "--json"), run("perplexity", trained, other_text, "--state", "reset", "--json")
    assert (carried.json["state"], reset.json["state"]) == ("carry", "reset")
    assert carried.json["perplexity"] != reset.json["perplexity"]
    assert carried.json["tokens"] == reset.json["tokens"]
    assert "--state reset begins each anew" in run("perplexity", trained, other_text).err
    by_word = run("perplexity", trained, other_text, "--per-word")
    assert by_word.code == 0
    assert "(unknown word)" in by_word.out


def test_predict_generate_info(run, trained: Path) -> None:
    words = run("predict", trained, "the cat", "--top", 3, "--json").json["next_words"]
    assert len(words) == 3
    assert words[0]["ngram_length"] is None
    first = run("generate", trained, "--prompt", "the", "--seed", 3, "--max-tokens", 8)
    assert first.code == 0
    assert first.out.startswith("the ")
    assert first.out == run("generate", trained, "--prompt", "the", "--seed", 3, "--max-tokens", 8).out
    long = run("generate", trained, "--seed", 3, "--min-tokens", 30, "--max-tokens", 30, "--quiet").out
    assert len(long.split()) == 30
    assert "<unk>" not in long
    card = run("info", trained, "--json").json
    assert (card["kind"], card["architecture"]["cell"], card["architecture"]["hidden"]) == ("recurrent", "lstm", 12)


def test_train_nnlm(run, text: Path, other_text: Path, tmp_path: Path) -> None:
    target = tmp_path / "w.lm"
    outcome = run("train-nnlm", text, "--window", 2, *SMALL, "--embedding", 6, "--direct", "--valid", other_text, "--out", target, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["kind"] == "window"
    assert run("perplexity", target, other_text, "--json").json["perplexity"] == pytest.approx(outcome.json["validation"]["perplexity"])
    assert run("predict", target, "the cat").code == 0


def test_presets_can_be_changed(run, text: Path, tmp_path: Path) -> None:
    words = ["train-rnn", text, "--preset", "zaremba-small", "--hidden", 8, "--epochs", 1, "--out", tmp_path / "m.lm", "--json"]
    card = run(*words).json
    assert card["architecture"]["hidden"] == 8
    assert card["recipe"]["optimizer"] == "sgd"
    assert card["recipe"]["epochs"] == 1


@pytest.mark.parametrize(
    ("typed", "tokenizer", "sentences"),
    [([], "characters", "none"), (["--sentences", "line"], "characters", "line"), (["--unit", "byte"], "bytes", "line")],
)
def test_a_preset_reads_what_it_was_made_for(run, text: Path, tmp_path: Path, typed: list[str], tokenizer: str, sentences: str) -> None:
    words = ["train-rnn", text, "--preset", "char-shakespeare", "--hidden", 8, "--epochs", 1, "--out", tmp_path / "m.lm", "--json", *typed]
    found = run(*words).json["text"]
    assert (found["tokenizer"], found["sentences"]) == (tokenizer, sentences)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--learning-rate", "0"], "--learning-rate must be a finite number above 0, not 0.0."),
        (["--learning-rate", "inf"], "--learning-rate must be a finite number above 0, not inf."),
        (["--cell", "lstn"], "--cell must be one of 'lstm', "),
        (["--preset", "zaremba"], "--preset must be one of 'zaremba-small', "),
        (["--bidirectional"], "has seen the word that it should predict"),
        (["--optimizer", "sdg"], "Error: --optimizer must be one of 'sgd', "),
        (["--optimizer", "sgd:momentum=2"], "--optimizer: momentum must be a finite number of at least 0.0 and at most 1.0, not 2."),
        (["--optimizer", "adam:weight_decay=-1"], "--optimizer: weight_decay must be "),
        (["--weight-decay", "-1"], "Error: --weight-decay must be a finite number of at least 0.0, not -1.0."),
        (["--schedule", "up"], "Error: --schedule must be one of 'constant', "),
        (["--schedule", "cosine:warm-up=3"], "--schedule: warm_up must be "),
        (["--output", "empty"], "Error: --output must be one of full, "),
        (["--output", "sampled:samples=-1"], "--output: samples must be an int of at least 1, not -1."),
        (["--output", "adaptive:cutoffs=5+2"], "--output: cutoffs must be rising whole numbers"),
        (["--output", "adaptive:cutoffs=many"], "--output: cutoffs must be rising whole numbers"),
        (["--patience", "1"], "--patience goes by the perplexity of a valid text, and there is none; name one with --valid"),
        (["--schedule", "plateau"], "--schedule plateau goes by the perplexity of a valid text"),
        (["--optimizer", "asgd:patience=1"], "--optimizer asgd goes by the perplexity of a valid text"),
        (["--freeze-vectors"], "name a file with --vectors"),
        (["--layers", "1", "--dropout-between", "0.5"], "--dropout-between drops what one layer gives the next"),
    ],
)
def test_wrong_calls(fails, text: Path, tmp_path: Path, words: list[str], sentence: str) -> None:
    assert sentence in fails("train-rnn", text, "--out", tmp_path / "m.lm", *words, code=2)


def test_a_preset_that_goes_by_validation_says_so_without_a_valid_text(run, text: Path, tmp_path: Path) -> None:
    outcome = run("train-rnn", text, "--preset", "tied-200", "--hidden", 8, "--epochs", 1, "--lr", 0.1, "--out", tmp_path / "m.lm")
    assert outcome.code == 0, outcome.err
    assert "without one, --valid, the rate stays as it is" in outcome.err


def test_a_log_where_no_folder_is(fails, text: Path, tmp_path: Path) -> None:
    message = fails("train-rnn", text, *SMALL, "--out", tmp_path / "m.lm", "--log", tmp_path / "none" / "log.jsonl")
    assert message.endswith("does not exist; make it, or name another place.")  # with --log, not with --out


def test_a_training_goes_on_with_its_own_valid_text(
    run, fails, text: Path, other_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmkit.neural.models import RecurrentLanguageModel

    words = ["train-rnn", text, "--layers", 1, *SMALL, "--checkpoint-minutes", 0, "--out", tmp_path / "m.lm", "--json"]
    with monkeypatch.context() as patch:
        patch.setattr(RecurrentLanguageModel, "save", lambda self, path: (_ for _ in ()).throw(OutputError(f"{path}: the disk is full.")))
        fails(*words, "--valid", other_text)
    assert "the checkpoint was validated on another text" in fails(*words, "--valid", text, "--resume", code=2)
    assert "the checkpoint had a valid text" in fails(*words, "--resume", code=2)
    assert run(*words, "--valid", other_text, "--resume").code == 0


def test_numbers_of_any_size_in_the_table(run, text: Path, tmp_path: Path) -> None:
    from lmkit_cli import output

    assert [output.perplexity(value) for value in (123.456, 12_345.6, 1.234e45)] == ["123.46", "12,345.60", "1.2e+45"]
    assert [output.duration(value) for value in (3.21, 119, 150)] == ["3.2 s", "119.0 s", "2.5 min"]
    outcome = run("train-rnn", text, "--layers", 1, *SMALL, "--lr", 1000, "--optimizer", "sgd", "--clip", 100, "--out", tmp_path / "m.lm")
    assert outcome.code == 1
    assert "training diverged; lower --learning-rate" in outcome.err
    assert max(len(line) for line in outcome.out.splitlines() if line[:7].strip() in ("1.00", "2.00")) < 60
    assert not (tmp_path / "m.lm").exists()


def test_word_vectors_of_language_models(run, fails, trained: Path, text: Path, tmp_path: Path) -> None:
    """A network over words has them, as one of word2vec's kind has."""
    near = run("neighbors", "cat", "--model", trained, "--top", 3, "--json")
    assert near.code == 0, near.err
    assert run("convert", trained, tmp_path / "net.vectors").code == 0
    assert run("neighbors", "cat", "--model", tmp_path / "net.vectors", "--top", 3, "--json").json["words"] == near.json["words"]
    assert run("train-w2v", text, "--left-context", "--loss", "hs", "--dim", 12, "--min-count", 1, "--out", tmp_path / "hs.lm").code == 0
    for vectors in (tmp_path / "hs.lm", trained):
        outcome = run("train-rnn", text, "--layers", 1, *SMALL, "--vectors", vectors, "--freeze-vectors", "--out", tmp_path / "m.lm")
        assert outcome.code == 0, outcome.err
        assert "words began with the given vectors, which were not trained further" in outcome.out
    assert run("train-rnn", text, "--unit", "char", "--layers", 1, *SMALL, "--out", tmp_path / "c.lm").code == 0
    assert "no word vectors" in fails("neighbors", "a", "--model", tmp_path / "c.lm", code=2)
    assert "networks over words can give their vectors" in fails("convert", trained, tmp_path / "m.arpa", code=2)


def test_unknown_words_of_a_prompt_are_named(run, trained: Path, model: Path) -> None:
    for words in (
        ["generate", trained, "--prompt", "<unk> zzz the", "--max-tokens", 2],
        ["predict", trained, "zzz the"],
        ["predict", model, "zzz the"],
    ):
        assert "the model doesn't know zzz of the prompt: read as <unk>" in run(*words).err
    assert "doesn't know" not in run("predict", trained, "<unk> the cat").err
    assert "doesn't know" not in run("predict", trained, "zzz", "--quiet").err


def test_nothing_to_resume(fails, text: Path, tmp_path: Path) -> None:
    assert "there is no checkpoint to go on from" in fails("train-rnn", text, "--out", tmp_path / "m.lm", "--resume", code=2)


def test_too_little_text(fails, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c\n")
    assert "too few for 20 streams" in fails("train-rnn", tmp_path / "t.txt", "--out", tmp_path / "m.lm", "--quiet")


def test_both_states_in_one_run(run, trained: Path, other_text: Path) -> None:
    both = run("perplexity", trained, other_text, "--state", "both", "--json").json["models"]
    assert [row["state"] for row in both] == ["carry", "reset"]
    for row in both:
        alone = run("perplexity", trained, other_text, "--state", row["state"], "--json").json
        assert row["perplexity"] == alone["perplexity"]
    assert f"{trained} (reset)" in run("perplexity", trained, other_text, "--state", "both").out


def test_adaptive_models_have_rows_of_their_own(run, fails, trained: Path, text: Path, other_text: Path) -> None:
    outcome = run("perplexity", trained, other_text, "--neural-cache", "--cache-size", 60, "--dynamic", "--tune", text)
    assert outcome.code == 0, outcome.err
    rows = {line.split("  ")[0]: line for line in outcome.out.splitlines()}
    assert [name.partition(".lm")[2] for name in rows if name.startswith(str(trained))] == ["", " + neural cache", " + dynamic evaluation"]
    assert "compare with each other" in outcome.out
    found = run("perplexity", trained, other_text, "--neural-cache", "--cache-size", 60, "--tune", text, "--json").json["models"]
    assert found[0]["perplexity"] == run("perplexity", trained, other_text, "--json").json["perplexity"]
    assert (found[1]["adaptation"]["kind"], found[1]["adaptation"]["size"]) == ("neural-cache", 60)
    assert "--tune" in fails("perplexity", trained, other_text, "--dynamic", code=2)
    assert "is the text that is scored" in fails("perplexity", trained, other_text, "--dynamic", "--tune", other_text, code=2)
    assert "add --dynamic" in fails("perplexity", trained, other_text, "--tune", text, code=2)
    assert "add --neural-cache" in fails("perplexity", trained, other_text, "--cache-size", 3, code=2)
    assert "--ranks" in fails("perplexity", trained, other_text, "--dynamic", "--tune", text, "--ranks", code=2)


def test_texts_from_a_beam_many_texts_and_words_as_they_come(run, fails, trained: Path) -> None:
    beam = run("generate", trained, "--beams", 4, "--count", 3, "--prompt", "the", "--min-tokens", 3, "--max-tokens", 6)
    assert beam.code == 0, beam.err
    assert len(beam.out.splitlines()) == 3
    assert all(line.startswith("the ") and "<unk>" not in line for line in beam.out.splitlines())
    assert run("generate", trained, "--beams", 4, "--max-tokens", 6, "--json").json["beams"] == 4
    many = run("generate", trained, "--count", 5, "--seed", 4, "--max-tokens", 9).out.splitlines()
    assert len(many) == 5
    streamed = run("generate", trained, "--stream", "--seed", 4, "--max-tokens", 9)
    assert streamed.out.splitlines() == many[:1]
    assert "--beams" in fails("generate", trained, "--beams", 3, "--top-k", 5, code=2)
    assert "--beams" in fails("generate", trained, "--beams", 3, "--count", 5, code=2)
    assert "--length-penalty" in fails("generate", trained, "--length-penalty", 0.5, code=2)
    assert "--min-tokens" in fails("generate", trained, "--min-tokens", 9, "--max-tokens", 3, code=2)
    assert "--stream" in fails("generate", trained, "--stream", "--json", code=2)


def test_a_training_begins_with_the_weights_of_a_model(run, trained: Path, text: Path, other_text: Path, tmp_path: Path) -> None:
    target = tmp_path / "further.lm"
    options = ["--valid", other_text, "--epochs", 1, "--batch", 4, "--seed", 2, "--threads", 1, "--out", target]
    outcome = run("train-rnn", text, "--start-from", trained, "--output", "sampled:samples=5", *options, "--json")
    assert outcome.code == 0, outcome.err
    before = run("info", trained, "--json").json
    assert outcome.json["architecture"]["hidden"] == before["architecture"]["hidden"] == 12
    assert outcome.json["architecture"]["output"]["name"] == "sampled"
    assert outcome.json["started_from"]["seed"] == 1
    assert outcome.json["vocabulary_hash"] == before["vocabulary_hash"]
    assert outcome.json["validation"]["perplexity"] < before["training"]["best_valid_perplexity"]


def test_a_window_net_begins_with_the_weights_of_another(run, fails, trained: Path, text: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.lm", tmp_path / "b.lm"
    assert run("train-nnlm", text, "--window", 3, "--hidden", 8, "--embedding", 6, "--epochs", 1, "--out", first).code == 0
    assert run("train-nnlm", text, "--start-from", first, "--epochs", 1, "--out", second).code == 0
    assert run("info", second, "--json").json["architecture"] == run("info", first, "--json").json["architecture"]
    assert "goes on from a WindowLanguageModel" in fails("train-nnlm", text, "--start-from", trained, code=2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--lowercase"], "--lowercase and --start-from exclude each other"),
        (["--no-lowercase"], "--no-lowercase and --start-from exclude each other"),
        (["--no-sentence-boundaries"], "--no-sentence-boundaries and --start-from exclude each other"),
        (["--min-count", 2], "--min-count and --start-from exclude each other"),
        (["--preset", "fast-cpu"], "--start-from and --preset"),
        (["--hidden", 13], "give it the same layers and sizes"),
    ],
)
def test_what_contradicts_the_model_to_start_from(fails, trained: Path, text: Path, tmp_path: Path, words: list, sentence: str) -> None:
    """Refused before anything is printed as if training had begun: `fails` sees that nothing is."""
    assert sentence in fails("train-rnn", text, "--start-from", trained, *words, "--out", tmp_path / "m.lm", code=2)
