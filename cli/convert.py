"""`lmkit convert`: from one model format to another."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import convert_torch, options, output, reading, saving, vectors

if TYPE_CHECKING:
    from lmkit import NgramLanguageModel
    from lmkit.embeddings.vectors import WordVectors


class Format(enum.StrEnum):
    lm = "lm"
    arpa = "arpa"
    kenlm_probing = "kenlm-probing"
    kenlm_trie = "kenlm-trie"
    # of word vectors: lmkit's own, and the names in lmkit.embeddings.formats.FORMATS
    vectors = "vectors"
    word2vec = "word2vec"
    word2vec_binary = "word2vec-binary"
    glove = "glove"
    fasttext = "fasttext"
    fasttext_vec = "fasttext-vec"
    sentence_transformers = "sentence-transformers"
    model2vec = "model2vec"
    projector = "projector"
    npz = "npz"


class Errors(enum.StrEnum):
    strict = "strict"
    replaced = "replace"  # str has a method of the name itself
    skip = "skip"


class Digits(enum.StrEnum):
    shortest = "shortest"
    classic = "classic"


_ENDINGS = {".lm": Format.lm, ".arpa": Format.arpa, ".arpa.gz": Format.arpa, ".klm": Format.kenlm_probing, ".binary": Format.kenlm_probing}
_NGRAM_FORMATS = (*dict.fromkeys(_ENDINGS.values()), Format.kenlm_trie)
_OWN_VECTORS = ".vectors"
_KEPT = {Format.fasttext: ("counts", "output vectors"), Format.npz: ("counts",), Format.projector: ("counts",)}
"""What other formats have room for beside words and vectors."""


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="IN",
            help="The model to read: lmkit's own file, ARPA (plain or compressed), KenLM's binary, or word vectors of any format.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The file to write. N-grams: .lm, .arpa, .arpa.gz, .klm or .binary for KenLM. Vectors: .vectors, .bin and .txt for "
            "word2vec, .vec, .npz, .safetensors, .tsv.",
        ),
    ],
    to: Annotated[Format | None, typer.Option(help="The format to write, where the ending of OUT doesn't tell it.")] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Pack lmkit's own file to about 8 bytes an n-gram, without loss, for slower queries.")
    ] = False,
    quantize: Annotated[
        int | None,
        typer.Option(
            help="Pack it and round probabilities and back-off weights to so many bits; 8 takes about 4.5 bytes an n-gram.",
            min=2,
            max=16,
            show_default=False,
        ),
    ] = None,
    held_out: Annotated[
        str | None, typer.Option(help="A text on which to measure what --quantize costs in perplexity.", show_default=False)
    ] = None,
    errors: Annotated[
        Errors | None,
        typer.Option(
            help="Vectors with faults (words that are not UTF-8, NaN, a wrong count, words with spaces): refuse them, mend them, or leave "
            "such rows out.",
            show_default="strict",
        ),
    ] = None,
    digits: Annotated[
        Digits | None,
        typer.Option(
            help="Vectors as text: digits that read back exactly, or as many as the format's own tool prints (6 decimals, 5 digits).",
            show_default="shortest",
        ),
    ] = None,
    restrict: Annotated[
        int | None, typer.Option("--restrict", help="Vectors: only the so many most frequent words.", min=1, show_default="all words")
    ] = None,
    words: Annotated[
        Path | None, typer.Option("--words", help="PyTorch's .pt: the words, one a line in the order of the ids.", show_default=False)
    ] = None,
    unit: options.UnitOption = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Convert a model between lmkit's own format and those of others: n-gram models, word vectors.

    The format written follows from the ending of OUT: .arpa and .arpa.gz are ARPA text, .lm is lmkit's own, .klm and .binary are KenLM's
    hash tables; --to kenlm-trie writes KenLM's trie. KenLM's hash tables are read too, but they hold n-grams as hashes only: finding their
    words again takes time that grows with the square of the vocabulary (seconds for 30,000 words, minutes for 300,000).

    Of word vectors .vectors is lmkit's own, .bin and .txt are word2vec's binary and text, .vec is fastText's text, .npz NumPy's,
    .safetensors a static embedding with tokenizer.json beside it, .tsv TensorBoard's projector with its metadata beside it. --to fasttext
    writes fastText's .bin, --to glove text without a header, --to sentence-transformers and --to model2vec folders.

    A .pt of PyTorch (the state dict of an Embedding, an LSTM, GRU or RNN, and a Linear) becomes a recurrent model with --words, and a
    recurrent model a .pt; both need torch. Of a network over words the vectors alone are written where OUT is a format of vectors.
    """
    path = vectors.path_of_any(source)
    if path.suffix in convert_torch.ENDINGS:
        saving.check_target(target, path, words)
        convert_torch.read(path, target, words, reading.text_options(str(path), unit=unit), json)
        return
    if words is not None or unit is not None:
        raise UsageError("--words and --unit tell what the ids of a PyTorch state dict stand for; leave them out for other models.")
    if target.suffix in convert_torch.ENDINGS:
        _write_torch(path, target, json)
        return
    own, foreign = _formats_of(target, to)
    if (compact or quantize is not None) and own != Format.lm:
        raise UsageError(f"--compact and --quantize pack lmkit's own files, not {(own or foreign)}; end OUT in .lm, or leave them out.")
    if held_out is not None and quantize is None:
        raise UsageError("--held-out measures what --quantize costs; give both or neither.")
    if foreign not in (Format.sentence_transformers, Format.model2vec):
        saving.check_target(target, path, held_out)
    elif target.exists() and path.exists() and target.samefile(path):
        raise UsageError(f"{target}: is read as well; name another folder to write.")
    import lmkit
    from lmkit.embeddings import formats
    from lmkit.embeddings.vectors import WordVectors
    from lmkit.loading import is_model

    mending = (errors or Errors.strict).value
    model = lmkit.load(path) if mending == Errors.strict or is_model(path) else formats.read_vectors(path, errors=mending)
    if foreign is not None or not hasattr(model, "network_"):
        model = vectors.held_in(model)
    if isinstance(model, WordVectors):
        if restrict is not None:
            if model.subwords is not None:
                output.note("Note: --restrict leaves the subwords behind.")
            model = model.restrict(restrict)
        writing = formats.Writing(mending, (digits or Digits.shortest).value)
        _write_vectors(model, path, target, _for_kind(foreign, target, "word vectors"), writing, json)
        return
    if restrict is not None:
        raise UsageError("--restrict takes the most frequent words of word vectors; n-gram models are made smaller by lmkit prune.")
    for name, given in (("--errors", errors), ("--digits", digits)):
        if given is not None:
            raise UsageError(f"{name} is about word vectors, and {path} holds none; leave it out.")
    if not isinstance(model, lmkit.NgramLanguageModel):
        raise UsageError(
            f"{path}: holds a {type(model).__name__}; n-gram models alone have other formats, recurrent ones .pt, and networks over words "
            "can give their vectors (.vectors)."
        )
    _write_ngrams(model, path, target, _for_kind(own, target, "an n-gram model"), compact, quantize, held_out, json)


def _write_torch(path: Path, target: Path, json: bool) -> None:
    from lmkit_cli import inspected

    saving.check_target(target, path)
    convert_torch.write(inspected.recurrent(str(path)), target, json)


def _write_vectors(vectors: WordVectors, path: Path, target: Path, form: Format, writing: Any, json: bool) -> None:
    from lmkit.embeddings import formats

    if form == Format.vectors:
        vectors.save(target)
    else:
        formats.write_vectors(vectors, target, form.value, writing)
    for entry in vectors.made.get("notes", ()):
        output.note(f"Note: {entry}")
    if vectors.subwords is not None and form not in (Format.vectors, Format.fasttext):
        output.note("Note: the subwords stay behind; only .vectors and --to fasttext keep vectors of words that have no row.")
    parts = {"counts": vectors.counts, "output vectors": vectors.context, "tree's vectors": vectors.tree}
    lost = [name for name, part in parts.items() if part is not None and name not in _KEPT.get(form, ())]
    if lost and form != Format.vectors:
        output.note(f"Note: the {' and the '.join(lost)} stay behind; .vectors keeps them.")
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) if target.is_dir() else target.stat().st_size
    if json:
        card = {"words": len(vectors), "dimensions": vectors.dimensions}
        output.result_json({"source": str(path), "target": str(target), "format": form.value, "bytes": size, **card})
    else:
        output.result(f"{target}: {output.size(size)}, {len(vectors):,} words of {vectors.dimensions} dimensions")


def _write_ngrams(
    model: NgramLanguageModel, path: Path, target: Path, form: Format, compact: bool, quantize: int | None, held_out: str | None, json: bool
) -> None:
    from lmkit._container import is_container

    if form == Format.lm:
        original, model = model, model.compact(quantize) if compact or quantize is not None else model.fast()
        cost = _cost(original, model, held_out) if held_out is not None else None
    else:
        cost = None
    if form == Format.arpa:
        model.write_arpa(target)
    elif form == Format.lm:
        model.save(target)
    else:
        from lmkit.ngram.formats import kenlm_binary

        write = kenlm_binary.write_probing if form == Format.kenlm_probing else kenlm_binary.write_trie
        write(target, model.fast_trie(), model.vocabulary)
    if form != Format.lm and not model.is_normalised:
        output.note("Note: these scores are no probabilities, and this format can't say so: other programs will take them for such.")
    if form in (Format.kenlm_probing, Format.kenlm_trie) and not model.text_options.sentence_boundaries:
        output.note("Note: this model knows no sentences, and KenLM's programs put <s> and </s> around every line.")
    if not is_container(path):  # what reading a foreign file met; lmkit's own holds what its training met, told then
        for entry in model.notes_:
            output.note(f"Note: {entry}")
    size = target.stat().st_size
    if json:
        measured = {} if cost is None else {"perplexity": cost[0], "perplexity_quantized": cost[1]}
        output.result_json({"source": str(path), "target": str(target), "format": form.value, "bytes": size, **measured})
        return
    output.result(f"{target}: {output.size(size)}, {size / sum(model.trie_.sizes):.1f} bytes an n-gram")
    if cost is not None:
        output.result(f"Perplexity of {held_out}: {cost[0]:.5f} before, {cost[1]:.5f} with {quantize} bits ({cost[1] / cost[0] - 1:+.3%}).")


def _cost(exact: NgramLanguageModel, rounded: NgramLanguageModel, spec: str) -> tuple[float, float]:
    """Perplexities of a text under both models."""
    import lmkit_corpora

    base = reading.is_in_catalogue(spec)
    corpus = lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, None, "valid") if base else None, options=exact.text_options)
    return exact.score(corpus).perplexity(), rounded.score(corpus).perplexity()


def _formats_of(path: Path, to: Format | None) -> tuple[Format | None, Format | None]:
    """The format to write for an n-gram model and for word vectors; None where OUT's ending asks for the other kind."""
    from lmkit.embeddings import formats

    if to is not None:
        return (to, None) if to in _NGRAM_FORMATS else (None, to)
    own = next((form for ending, form in _ENDINGS.items() if path.name.lower().endswith(ending)), None)
    found = formats.format_of_name(path)
    foreign = Format.vectors if path.name.endswith(_OWN_VECTORS) else None if found is None else Format(found.name)
    if own is None and foreign is None:
        endings = [*_ENDINGS, _OWN_VECTORS, *(form.endings[0] for form in formats.FORMATS if form.endings)]
        raise UsageError(f"{path}: the ending does not tell the format; use {', '.join(endings)}, or give --to {', --to '.join(Format)}.")
    return own, foreign


def _for_kind(form: Format | None, target: Path, kind: str) -> Format:
    if form is None:
        names = [one.value for one in Format if (one in _NGRAM_FORMATS) == (kind == "an n-gram model")]
        raise UsageError(f"{target}: IN holds {kind}, which this format can't; give another ending, or one of --to {', '.join(names)}.")
    return form
