"""Manners of the program: start-up, help, errors as one sentence with the right exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import typer

from lmkit.errors import FormatError, LmkitError, OutputError, UsageError
from lmkit_cli import app, output

HEAVY = ["numpy", "numba", "scipy", "sklearn", "nltk", "gensim", "tqdm", "rich", "pandas", "lmkit_corpora", "lmkit.ngram"]


def lmkit(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run([sys.executable, "-m", "lmkit_cli", *words], capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Add a command `fail` that raises what the test asks for."""

    def add(error: BaseException) -> None:
        def command(debug: bool = False) -> None:
            """Fail."""
            raise error

        module = types.ModuleType("lmkit_cli.fail")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "lmkit_cli.fail", module)
        monkeypatch.setitem(app.COMMANDS, "fail", app.Row("fail", "Fail."))

    return add


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    program = f"import sys\nfrom lmkit_cli.app import run\nassert run(['--help']) == 0\nprint([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name, row in app.COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert row.help.split()[0] in done.stdout


def test_help_takes_less_than_0_3_seconds() -> None:
    """Of processor time, since other tests run beside this one; .ci/run measures the wall time."""

    def seconds() -> float:
        process = subprocess.Popen([sys.executable, "-m", "lmkit_cli", "--help"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_utime + usage.ru_stime

    assert min(seconds() for _ in range(5)) < 0.3


def test_without_words_it_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([]) == 0
    assert capsys.readouterr().out.startswith("Usage: lmkit")


@pytest.mark.parametrize("name", app.COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    assert app.load_command(name).help.splitlines()[0] == app.COMMANDS[name].help


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_takes_the_common_options(name: str) -> None:
    command = app.load_command(name)
    group = getattr(command, "commands", None)
    common = {"--quiet", "--debug"} if group else {"--json", "--quiet", "--debug", "--seed", "--threads"}
    for one in group.values() if group else [command]:
        assert common <= {option for parameter in one.params for option in parameter.opts}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lmkit 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train-ngarm"], "There is no command 'train-ngarm'; did you mean `train-ngram`? See `lmkit --help`."),
        (["xyzzy"], "the commands are train-ngram, "),
        (["--jsn"], "; see `lmkit --help`."),
        (["train-ngram", "--ordr", "3"], "--order"),
        (
            ["train-ngram", "--order", "0"],
            "Invalid value for '--order' / '-o': it must be greater than or equal to 1, not '0'; see `lmkit train-ngram --help`.",
        ),
        (["train-ngram", "--order", "three"], "a whole number, not 'three';"),
        (["count", "--normalization", "NFX"], "'--normalization': 'NFX' is not one of 'NFC', 'NFD', 'NFKC', 'NFKD'; see"),
        (["train-ngram", "--unit", "letter"], "'letter'"),
        (["generate", "m.lm", "--top-p", "1.5"], "not '1.5';"),
        (["perplexity", "m.lm"], "Missing argument"),
        (["predict", "m.lm", "--top", "0"], "not '0';"),
        (["convert", "a.lm", "b.xyz"], "the ending does not tell the format"),
        (["generate", "m.lm", "--argmax", "--top-k", "3"], "--argmax draws nothing"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_code_2(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.startswith("Error: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (LmkitError("m.lm: is bad."), 1, "Error: m.lm: is bad.\n"),
        (FormatError("m.lm: is cut."), 1, "Error: m.lm: is cut.\n"),
        (UsageError("these two exclude each other."), 2, "Error: these two exclude each other.\n"),
        (OutputError("m.lm: the disk is full."), 1, "Error: m.lm: the disk is full.\n"),
        (MemoryError(), 1, "Error: the memory of this machine is not enough"),
        (PermissionError(13, "Permission denied", "/root/x"), 1, "Error: /root/x: Permission denied.\n"),
        (
            ZeroDivisionError("division\nby zero"),
            1,
            "Internal error: ZeroDivisionError: division by zero (a fault of lmkit; run again with --debug",
        ),
        (typer.BadParameter("no such thing"), 2, "no such thing"),
        (typer.Abort(), 1, "Stopped.\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted: no file was left half-written.\n"),
    ],
)
def test_a_failure_is_one_sentence_without_a_traceback(
    error: BaseException, code: int, message: str, failing, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(error)
    assert app.run(["fail"]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""


def test_debug_adds_the_traceback(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(FormatError("m.lm: is cut."))
    assert app.run(["fail", "--debug"]) == 1
    captured = capsys.readouterr()
    assert "Traceback (most recent call last)" in captured.err
    assert captured.err.endswith("Error: m.lm: is cut.\n")


def test_debug_after_two_dashes_is_no_option(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(FormatError("m.lm: is cut."))
    assert app.run(["fail", "--", "--debug"]) == 2  # one argument too many
    assert "Traceback" not in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; time.sleep(0.5); sys.argv[1:] = ['--help']; from lmkit_cli.app import main; main()"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(30)


def test_ctrl_c_in_a_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _SLEEPER],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "sleeping\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)
    assert errors == "\nInterrupted: no file was left half-written.\n"


_SLEEPER = """
import sys, time, types
from lmkit_cli import app
def command():
    print("sleeping", flush=True)
    time.sleep(60)
module = types.ModuleType("lmkit_cli.sleep")
module.command = command
sys.modules["lmkit_cli.sleep"] = module
app.COMMANDS["sleep"] = app.Row("sleep", "Sleep.")
app.main(["sleep"])
"""


def test_the_program_is_installed_under_its_name() -> None:
    program = Path(sys.executable).with_name("lmkit")
    if not program.exists():
        pytest.skip("the tests run without an installed console script")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lmkit ")


def test_a_terminal_without_utf8_shows_escapes() -> None:
    done = lmkit("t\u00e9st", env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == 2
    assert "t\\xe9st" in done.stderr


class TestOutput:
    def test_table_aligns_numbers_right_and_wide_characters_by_their_columns(self) -> None:
        text = output.table(["word", "p"], [["ab", "0.5"], ["\u65e5\u672c", "12.25"], ["e\u0301", "1"]], right=(1,))
        assert text.splitlines() == ["word      p", "ab      0.5", "\u65e5\u672c  12.25", "e\u0301         1"]

    def test_control_characters_are_escaped(self) -> None:
        assert output.printable("a\x1b[31mb\n") == "a\\x1b[31mb\\n"
        assert output.printable("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"

    def test_json_has_no_infinity(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.result_json({"perplexity": float("inf"), "list": [1, float("nan")], "text": "\u00e9"})
        text = capsys.readouterr().out
        assert json.loads(text) == {"perplexity": None, "list": [1, None], "text": "\u00e9"}
        assert "\u00e9" in text

    @pytest.mark.parametrize(
        ("count", "text"), [(999, "999 bytes"), (1_500, "1.5 kB"), (2_345_678, "2.3 MB"), (7_100_000_000_000, "7100.0 GB")]
    )
    def test_sizes(self, count: int, text: str) -> None:
        assert output.size(count) == text
