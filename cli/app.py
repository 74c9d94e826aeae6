"""The program `lmkit`: a table of commands, each loaded when it is called, and one place where errors become sentences.

A command is one file of this package and one row of `COMMANDS`. Its module holds `command`: a function with Typer's annotations, or a
`typer.Typer` for a group of commands. The help of the whole program is printed from the table alone, so that it loads nothing heavy.
"""

from __future__ import annotations

import contextlib
import difflib
import gc
import importlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup


class Row(NamedTuple):
    """One command: its module in this package and its line in the help (the first line of the command's own help)."""

    module: str
    help: str


COMMANDS: dict[str, Row] = {
    "train-ngram": Row("train_ngram", "Train an n-gram language model on a corpus."),
    "train-w2v": Row("train_w2v", "Train word vectors with word2vec: skip-gram or CBOW, negative sampling or hierarchical softmax."),
    "train-fasttext": Row("train_fasttext", "Train word vectors that know the parts of words."),
    "train-rnn": Row("train_rnn", "Train a recurrent language model on a corpus: LSTM, GRU, QRNN, Elman or Jordan."),
    "train-nnlm": Row("train_nnlm", "Train a language model that sees a fixed window of words."),
    "perplexity": Row("perplexity", "Score a text under a model and print the accounting."),
    "compare": Row("compare", "Compare language models of any family on one text."),
    "diff": Row("diff", "Show the words and sentences on which two models differ most."),
    "sweep": Row("sweep", "Train with every combination of some options, and list the best."),
    "score": Row("score", "Write what a model says of every token of a text, to be compared later."),
    "filter": Row("filter", "Keep, cut or rank the lines of a text by their perplexity under a model."),
    "predict": Row("predict", "Print the most probable next words after a prompt."),
    "generate": Row("generate", "Write text by drawing from a model, word after word."),
    "analogy": Row("analogy", "Answer A - B + C with word vectors: `lmkit analogy king man woman`."),
    "neighbors": Row("neighbors", "Print the words whose vectors have the highest cosine with that of a word."),
    "similarity": Row("similarity", "Print the cosine of two words' vectors, from -1 to 1."),
    "evaluate-analogies": Row("evaluate_analogies", "Answer analogy questions with word vectors and count the right answers."),
    "evaluate-similarity": Row("evaluate_similarity", "Correlate the cosines of word vectors with people's judgements."),
    "quantize": Row("quantize", "Store word vectors in 8 bits a number, a quarter of the size, and measure what is lost."),
    "info": Row("info", "Print the card of a model: what it is and how it was made."),
    "convert": Row("convert", "Convert a model between lmkit's own format and those of others: n-gram models, word vectors."),
    "mix": Row("mix", "Mix language models, with weights learnt on a held-out text or given."),
    "prune": Row("prune", "Take n-grams out of a model, to a threshold, a number of n-grams or a size."),
    "count": Row("count", "Count the n-grams of a corpus."),
    "merge-counts": Row("merge_counts", "Add up the n-gram counts of several files, each as often as its weight says."),
    "ngrams": Row("ngrams", "List the most frequent n-grams of a corpus, or of a table that `lmkit count` wrote as .npz or text."),
    "huffman": Row("huffman", "Show the Huffman code and path of each word of a list with counts."),
    "inspect": Row("inspecting", "Look into networks: how far their gradients reach, what their gates and units do."),
    "plot": Row("plot", "Draw pictures of a corpus, of word vectors, or of trainings."),
    "corpus": Row("corpus", "List, describe and find corpora."),
}

_USAGE_ERROR = typer.BadParameter.__mro__[1]  # Typer carries its own copy of Click and exports only the subclass
_CLICK_ERROR = typer.BadParameter.__mro__[2]
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and imports the module of the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "the commands are " + ", ".join(COMMANDS)
            ctx.fail(f"There is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in COMMANDS.items()])


def load_command(name: str) -> Any:
    """Import the module of a command and build its parser."""
    command = importlib.import_module(f"lmkit_cli.{COMMANDS[name].module}").command
    if isinstance(command, typer.Typer):
        app = command
    else:
        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        app.command(name)(command)
    parser = typer.main.get_command(app)
    parser.name = name
    return parser


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lmkit {version('lmkit')}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Start with `lmkit train-ngram`: it trains on the default corpus and says what to try next.",
)


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Train, inspect and compare language models and word vectors: n-grams, word2vec and fastText, recurrent networks."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code: 0, 1 for a failure, 2 for a wrong call, 130 after Ctrl-C.

    Parameters
    ----------
    arguments : the words after the program's name; `sys.argv` if left out.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(100_000, 20, 20)  # imports make many objects that stay; going over them again and again is a sixth of the start
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a replaced stream
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal without UTF-8 shows escapes
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _terminate)
    code = run(words)
    gc.freeze()  # looking through all objects for garbage is a quarter of a short command's time, and the process ends anyway
    sys.exit(code)


_interrupted = False


def _interrupt(number: int, frame: Any) -> None:
    """Ctrl-C: remembered, since a library that is just being imported may turn KeyboardInterrupt into an ImportError."""
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _terminate(number: int, frame: Any) -> None:
    """A request to end, such as `kill` or a batch system sends: unfinished files are removed on the way out."""
    sys.exit(128 + number)


def run(words: list[str]) -> int:
    """Run the program on `words` and return its exit code; errors are printed on standard error, in one sentence each."""
    debug = "--debug" in (words[: words.index("--")] if "--" in words else words)
    try:
        result = typer.main.get_command(app).main(args=words or ["--help"], prog_name="lmkit", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _close_broken_pipe()
    except SystemExit as end:  # Typer's answer to a broken pipe inside a command; shell completion ends so as well
        return _close_broken_pipe() if end.code == 1 else int(end.code or 0)
    except KeyboardInterrupt:
        return _say_interrupted()
    except Exception as error:
        if _interrupted:
            return _say_interrupted()
        if debug and not isinstance(error, _CLICK_ERROR):
            import traceback

            traceback.print_exc()
        code, sentence = explain(error, words, debug)
        if sentence:
            print(sentence, file=sys.stderr)
        return code
    if result == _INTERRUPTED or _interrupted:  # Typer's own answer to it inside a command, or it was swallowed by a library
        return _say_interrupted()
    return result if isinstance(result, int) else 0


def _say_interrupted() -> int:
    print("\nInterrupted: no file was left half-written.", file=sys.stderr)
    return _INTERRUPTED


def explain(error: Exception, words: Sequence[str] = (), debug: bool = False) -> tuple[int, str]:
    """The exit code and the one sentence for an exception that ended a command."""
    from lmkit.errors import InvalidParameterError, LmkitError

    if isinstance(error, InvalidParameterError):
        return error.exit_code, f"Error: {_in_words_of_the_program(str(error), words)}"
    if isinstance(error, LmkitError):
        return error.exit_code, f"Error: {error}"
    if isinstance(error, typer.Abort):
        return 1, "Stopped."
    if isinstance(error, _USAGE_ERROR):
        return 2, _explain_usage(error, words)
    if isinstance(error, _CLICK_ERROR):
        return 1, f"Error: {_one_line(error.format_message())}"  # type: ignore[attr-defined]
    if isinstance(error, MemoryError):
        return 1, "Error: the memory of this machine is not enough for this; take less text, a lower order or a smaller vocabulary."
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        return 1, f"Error: {where}{error.strerror or error}."
    what = _one_line(f"{type(error).__name__}: {error}")
    step = "report it with the traceback above" if debug else "run again with --debug to see where, and report it"
    return 1, f"Internal error: {what[:300]} (a fault of lmkit; {step})."


def _in_words_of_the_program(message: str, words: Sequence[str]) -> str:
    """A library's message about a parameter as one about the option that sets it."""
    match = re.fullmatch(r"The '(\w+)' parameter of ([\w.-]+) must be (.*)\. Got (.*) instead\.", message, re.DOTALL)
    if match is None:
        return message
    name, owner, expected, value = match.groups()
    return f"{_option_for(name, owner, words)} must be {expected}, not {value}."


_OPTIONS = {
    "max_vocabulary_size": "--vocab-size",
    "fresh_network.cell": "--cells",
    "fresh_network.radius": "--cells: the radius",
    "gradients_through_depth.activation": "--activations",
}
"""Options that bear another name than the parameter that they set: the parameter alone, or behind what it is a parameter of."""

_WITH_OPTIONS = {
    "--optimizer": ("lmkit.neural.optimizers", "OPTIMIZERS"),
    "--schedule": ("lmkit.neural.schedules", "SCHEDULES"),
    "--output": ("lmkit.neural.losses", "OUTPUTS"),
}
"""Options that are typed as NAME:OPTION=VALUE, and the tables of the classes that the names stand for."""


def _option_for(name: str, owner: str, words: Sequence[str]) -> str:
    """What the user typed to set a parameter. owner : the class or function that it is a parameter of."""
    plain = "--" + name.replace("_", "-")
    for option, (module, table) in _WITH_OPTIONS.items():
        if owner == f"make_{option[2:]}":
            return option
        classes = getattr(sys.modules.get(module), table, {}).values()  # a module whose class refused something has been loaded
        if owner in [one.__name__ for one in classes]:
            is_apart = name == "weight_decay" and any(word.partition("=")[0] == plain for word in words)
            return plain if is_apart else f"{option}: {name}"
    return _OPTIONS.get(f"{owner}.{name}", _OPTIONS.get(name, plain))


_ELSEWHERE = {
    "--sg": "--model skipgram or cbow",
    "--workers": "--threads",
    "--vector_size": "--dim",
    "--min_count": "--min-count",
    "-save-vocab": "`lmkit count --order 1`",
    "-saveOutput": "`lmkit convert --to fasttext`",
    "-verbose": "--quiet",
    "-debug": "--quiet",
}
"""Options that people know from word2vec.c, fastText and gensim, and what does the same."""


def _explain_usage(error: Any, words: Sequence[str]) -> str:
    if type(error).__name__.startswith("NoArgsIsHelp"):
        return str(error.ctx.get_help()) if error.ctx is not None else ""
    named = f"lmkit {words[0]}" if words and words[0] in COMMANDS else "lmkit"
    path = error.ctx.command_path if error.ctx is not None else named
    message = _one_line(error.format_message())
    message = message.removesuffix(".")
    if (letter := re.fullmatch(r"No such option: (-\w)", message)) is not None:  # the parser's reading of -long
        message = f"No such option: {next((word for word in words if re.match(letter[1] + '[a-zA-Z_]', word)), letter[1])}"
    if (known := _ELSEWHERE.get(message.removeprefix("No such option: ").partition(" ")[0])) is not None:
        message = f"{message.partition(' (')[0]}, which is {known} here"
    details = getattr(error.__cause__, "errors", None)  # Typer checks values with pydantic, whose message leaves out the value
    if callable(details):
        value = repr(details()[0]["input"])
        message = message.replace("Value error, ", "").replace("Input should be", "it must be").removesuffix(".")
        message += "" if value in message else f", not {value}"
        message = re.sub(r"a valid (integer|number), unable to parse string as an? \w+", _plainly, message)
    return f"Error: {message}{' See' if message.endswith('?') else '; see'} `{path} --help`."


def _plainly(match: re.Match[str]) -> str:
    return "a whole number" if match[1] == "integer" else "a number"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _close_broken_pipe() -> int:
    """The reader of our output has gone (`lmkit ... | head`): end quietly, also when Python flushes at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(devnull, sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    main()
