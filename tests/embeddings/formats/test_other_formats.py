"""Static embeddings, NumPy, TensorBoard's projector; pickles and floret, which are refused; the table of formats."""

from __future__ import annotations

import ast
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit import WordVectors
from lmkit.embeddings import formats
from lmkit.embeddings.formats import Writing, _safetensors, format_of_name, read_vectors, write_vectors
from lmkit.errors import FormatError, InputError, InvalidParameterError, OutputError
from lmkit.text.options import TextOptions
from lmkit_cli.convert import Format as CommandFormat


def same(found: WordVectors, vectors: WordVectors) -> bool:
    return found.words == vectors.words and np.array_equal(found.matrix.view(np.uint32), vectors.matrix.view(np.uint32))


class TestTable:
    def test_the_command_has_every_format_that_can_be_written(self) -> None:
        own = {"lm", "arpa", "kenlm-probing", "kenlm-trie", "vectors"}
        assert {form.name for form in formats.FORMATS if form.writes} == {form.value for form in CommandFormat} - own

    def test_each_module_has_what_the_table_promises(self) -> None:
        for form in formats.FORMATS:
            module = form.load()
            assert callable(module.recognises)
            assert callable(module.read)
            assert hasattr(module, "write") == form.writes

    def test_gensim_is_imported_only_inside_functions(self) -> None:
        for path in Path(formats.__file__).parent.glob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                assert (
                    "gensim" not in ast.unparse(node) or not isinstance(node, (ast.Import, ast.ImportFrom)) or "lmkit" in ast.unparse(node)
                )

    def test_endings(self) -> None:
        expected = {"v.bin": "word2vec-binary", "v.txt.gz": "word2vec", "v.vec": "fasttext-vec", "v.npz": "npz", "v.tsv": "projector"}
        expected["model.safetensors"] = "sentence-transformers"
        for name, form in expected.items():
            assert format_of_name(name).name == form
        assert format_of_name("v.docx") is None

    def test_unknown_formats_are_named(self, vectors: WordVectors, tmp_path: Path) -> None:
        with pytest.raises(InvalidParameterError, match="'glove'.*Got 'glov' instead"):
            write_vectors(vectors, tmp_path / "v", "glov")
        with pytest.raises(InvalidParameterError, match="must be one of fasttext, npz"):
            write_vectors(vectors, tmp_path / "v.docx")
        with pytest.raises(InvalidParameterError, match="must be one of"):
            write_vectors(vectors, tmp_path / "v", "pickle")
        with pytest.raises(InvalidParameterError, match="'errors' parameter of read_vectors"):
            read_vectors(tmp_path / "v", errors="ignore")
        with pytest.raises(InputError, match="no such file"):
            read_vectors(tmp_path / "v")


class TestStaticEmbeddings:
    @pytest.mark.parametrize("form", ["sentence-transformers", "model2vec"])
    def test_a_folder_comes_back(self, form: str, vectors: WordVectors, tmp_path: Path) -> None:
        write_vectors(vectors, tmp_path / "model", form)
        assert same(lmkit.load(tmp_path / "model"), vectors)
        with pytest.raises(OutputError, match="exists already"):
            write_vectors(vectors, tmp_path / "model", form)

    def test_a_file_and_its_tokenizer_come_back(self, vectors: WordVectors, tmp_path: Path) -> None:
        write_vectors(vectors, tmp_path / "model.safetensors")
        assert same(lmkit.load(tmp_path / "model.safetensors"), vectors)
        assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "tokenizer.json"}

    def test_the_library_reads_the_tensor(self, vectors: WordVectors, tmp_path: Path) -> None:
        safetensors = pytest.importorskip("safetensors.numpy")
        write_vectors(vectors, tmp_path / "st", "sentence-transformers")
        weight = safetensors.load_file(tmp_path / "st" / "0_StaticEmbedding" / "model.safetensors")["embedding.weight"]
        assert np.array_equal(weight[:-1], vectors.matrix)
        assert not weight[-1].any()  # unknown words add nothing
        assert json.loads((tmp_path / "st" / "modules.json").read_text())[0]["path"] == "0_StaticEmbedding"

    @pytest.mark.parametrize("kind", ["F16", "BF16", "F64"])
    def test_other_number_types(self, kind: str, tmp_path: Path) -> None:
        matrix = np.array([[0.5, -2], [1, 0.25]], np.float32)
        stored = {"F16": matrix.astype("<f2"), "BF16": (matrix.view(np.uint32) >> 16).astype("<u2"), "F64": matrix.astype("<f8")}[kind]
        header = json.dumps({"embeddings": {"dtype": kind, "shape": [2, 2], "data_offsets": [0, stored.nbytes]}}).encode()
        (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + stored.tobytes())
        (tmp_path / "tokenizer.json").write_text('{"model": {"type": "WordPiece", "vocab": {"a": 0, "##b": 1}, "unk_token": "[UNK]"}}')
        found = lmkit.load(tmp_path)
        assert found.words.strings() == ["a", "##b"]
        assert np.array_equal(found.matrix, matrix)

    def test_model2vec_s_weights_and_mapping(self, tmp_path: Path) -> None:
        tensors = {"embeddings": np.array([[1, 2], [3, 4]], np.float32), "weights": np.array([1, 2, 3], np.float32)}
        mapping = np.array([1, 0, 1], np.int64)
        header, at = {}, 0
        for name, tensor in {**tensors, "mapping": mapping}.items():
            kind = "I64" if name == "mapping" else "F32"
            header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + tensor.nbytes]}
            at += tensor.nbytes
        encoded = json.dumps(header).encode()
        body = b"".join(tensor.tobytes() for tensor in (*tensors.values(), mapping))
        (tmp_path / "model.safetensors").write_bytes(len(encoded).to_bytes(8, "little") + encoded + body)
        (tmp_path / "tokenizer.json").write_text('{"model": {"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0], ["c", -3.0]]}}')
        found = lmkit.load(tmp_path)
        assert found.words.strings() == ["a", "b", "c"]
        assert found.matrix.tolist() == [[3, 4], [2, 4], [9, 12]]

    @pytest.mark.parametrize(
        ("options", "words", "steps", "cut"),
        [
            (TextOptions(), ["The", "x"], None, "WhitespaceSplit"),
            (TextOptions(lowercase=True, normalization="NFC"), ["the", "x"], ["NFC", "Lowercase"], "WhitespaceSplit"),
            (TextOptions(tokenizer="regex"), ["The", "x"], None, "Whitespace"),
            (None, ["the", "x"], ["Lowercase"], "Whitespace"),
            (None, ["The", "x"], None, "Whitespace"),
        ],
    )
    def test_text_is_cut_as_the_training_text_was(self, options, words, steps, cut: str, tmp_path: Path) -> None:
        write_vectors(WordVectors(words, np.eye(2, dtype=np.float32), text_options=options), tmp_path / "m.safetensors")
        document = json.loads((tmp_path / "tokenizer.json").read_text())
        assert (document["normalizer"] and [step["type"] for step in document["normalizer"]["normalizers"]]) == steps
        assert document["pre_tokenizer"]["type"] == cut

    def test_the_tokenizers_library_finds_the_rows(self, vectors: WordVectors, tmp_path: Path) -> None:
        tokenizers = pytest.importorskip("tokenizers")
        write_vectors(vectors, tmp_path / "m.safetensors")
        tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        assert tokenizer.encode("the naïve zebra").ids == [0, 1, len(vectors)]

    def test_what_does_not_fit_is_told(self, vectors: WordVectors, tmp_path: Path) -> None:
        write_vectors(vectors, tmp_path / "m.safetensors")
        tokenizer = tmp_path / "tokenizer.json"
        whole = json.loads(tokenizer.read_text())
        del whole["model"]["vocab"]["the"]
        for content, message in (
            (json.dumps(whole), r"has 11 tokens, m\.safetensors 12 rows"),
            ("{", "is no JSON"),
            ('{"model": {}}', r"holds no `model\.vocab`"),
            (None, r"is missing; it says which row"),
        ):
            tokenizer.unlink() if content is None else tokenizer.write_text(content)
            with pytest.raises(FormatError, match=message):
                lmkit.load(tmp_path / "m.safetensors")
        assert _safetensors.names(tmp_path / "m.safetensors", None) == {"embedding.weight"}

    def test_one_folder_holds_one_pair(self, vectors: WordVectors, tmp_path: Path) -> None:
        write_vectors(vectors, tmp_path / "a.safetensors")
        other = WordVectors(vectors.words.strings()[::-1], vectors.matrix)
        with pytest.raises(OutputError, match=r"tokenizer\.json: belongs to a\.safetensors.*a folder of its own"):
            write_vectors(other, tmp_path / "b.safetensors")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "tokenizer.json"]
        assert same(lmkit.load(tmp_path / "a.safetensors"), vectors)
        write_vectors(WordVectors(vectors.words, -vectors.matrix), tmp_path / "b.safetensors")  # of the same words
        (tmp_path / "b.safetensors").unlink()
        write_vectors(other, tmp_path / "a.safetensors")
        assert same(lmkit.load(tmp_path / "a.safetensors"), other)

    def test_another_s_tokenizer_is_told(self, vectors: WordVectors, tmp_path: Path) -> None:
        for folder, words in (("a", vectors.words.strings()), ("b", vectors.words.strings()[::-1])):
            (tmp_path / folder).mkdir()
            write_vectors(WordVectors(words, vectors.matrix), tmp_path / folder / "m.safetensors")
        (tmp_path / "b" / "tokenizer.json").replace(tmp_path / "a" / "tokenizer.json")
        with pytest.raises(FormatError, match=r"tokenizer\.json: was written for other vectors than m\.safetensors"):
            lmkit.load(tmp_path / "a" / "m.safetensors")


class TestNumPy:
    def test_numpy_reads_it_and_it_comes_back(self, vectors: WordVectors, tmp_path: Path) -> None:
        write_vectors(vectors, tmp_path / "v.npz")
        with np.load(tmp_path / "v.npz", allow_pickle=False) as arrays:
            assert arrays["words"].tolist() == vectors.words.strings()
            assert np.array_equal(arrays["vectors"], vectors.matrix)
            assert arrays["counts"].tolist() == vectors.counts.tolist()
        found = lmkit.load(tmp_path / "v.npz")
        assert same(found, vectors)
        assert found.counts.tolist() == vectors.counts.tolist()

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_what_people_save_themselves(self, save, tmp_path: Path) -> None:
        save(
            tmp_path / "v.npz",
            words=np.array([b"a", b"b", b"a"]),
            vectors=np.array([[1.0, 2], [3, 4], [5, 6]]).T.copy().T,
            counts=[3, 2, 1],
        )
        found = lmkit.load(tmp_path / "v.npz")
        assert found.words.strings() == ["a", "b"]
        assert found.matrix.tolist() == [[1, 2], [3, 4]]
        assert found.counts.tolist() == [3, 2]

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"vectors": np.eye(2)}, "holds `words` and `vectors`, this file holds vectors"),
            ({"counts": np.eye(2)}, "can't be opened"),
            ({"words": np.array(["a"], object), "vectors": np.eye(1)}, "pickled objects can run any code"),
            ({"words": np.array(["a"]), "vectors": np.eye(2)}, r"must be text \[V\] and numbers \[V, d\]"),
            ({"words": np.array(["a", "b"]), "vectors": np.eye(2), "counts": np.array([0.5, 1])}, "must be whole numbers"),
            ({"words": np.array([], "U1"), "vectors": np.zeros((0, 3))}, "nothing to read"),
            ({"words": np.array(["a", "b"]), "vectors": np.array([[1, 2], [np.nan, 1]])}, r"'b' holds nan at dimension 1 \(row 1\)"),
        ],
    )
    def test_other_arrays_are_refused(self, arrays, message: str, tmp_path: Path) -> None:
        np.savez(tmp_path / "v.npz", **arrays)
        with pytest.raises(FormatError, match=message):
            lmkit.load(tmp_path / "v.npz")


class TestProjector:
    def test_a_pair_comes_back_with_counts(self, vectors: WordVectors, tmp_path: Path) -> None:
        write_vectors(vectors, tmp_path / "tensor.tsv")
        lines = (tmp_path / "metadata.tsv").read_text(encoding="utf-8").split("\n")
        assert lines[:2] == ["word\tcount", "the\t110"]
        assert len((tmp_path / "tensor.tsv").read_text().split("\n")[0].split("\t")) == 7
        found = lmkit.load(tmp_path / "tensor.tsv")
        assert same(found, vectors)
        assert found.counts.tolist() == vectors.counts.tolist()

    def test_without_counts_there_is_no_header(self, tmp_path: Path) -> None:
        write_vectors(WordVectors(["a", "b c"], np.eye(2, dtype=np.float32)), tmp_path / "v.tsv", options=Writing(digits="classic"))
        assert (tmp_path / "v.metadata.tsv").read_text() == "a\nb c\n"
        assert (tmp_path / "v.tsv").read_text() == "1.000000\t0.000000\n0.000000\t1.000000\n"
        assert lmkit.load(tmp_path / "v.tsv").words.strings() == ["a", "b c"]

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            (None, r"numbers alone; the projector's words belong in .*metadata\.tsv"),
            ("a\n", "has 2 rows, .* has 1 words"),
            ("word\tcount\na\t1\nb\n", "line 3: has 1 columns, the header has 2"),
            ("word\tcount\na\t1\nb\tx\n", "`count` holds something else"),
        ],
    )
    def test_pairs_that_do_not_fit(self, metadata: str | None, message: str, tmp_path: Path) -> None:
        (tmp_path / "tensors.tsv").write_text("1\t2\n3\t4\n")
        if metadata is not None:
            (tmp_path / "metadata.tsv").write_text(metadata)
        with pytest.raises(FormatError, match=message):
            lmkit.load(tmp_path / "tensors.tsv")


@pytest.mark.parametrize("name", ["w2v-lee-v0.12.0", "word2vec_old", "lee_fasttext", "varembed_morfessor.bin"])
def test_gensim_s_pickles_are_refused_with_the_way_out(name: str, installed: Path) -> None:
    with pytest.raises(FormatError, match=r"is a Python pickle.*save_word2vec_format"):
        lmkit.load(installed / name)


def test_a_pickle_of_today_is_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    for protocol in (2, 3, 4, 5):
        (tmp_path / "p").write_bytes(pickle.dumps(Trap.__reduce__(Trap()), protocol))
        with pytest.raises(FormatError, match="is a Python pickle"):
            lmkit.load(tmp_path / "p")
    assert not (tmp_path / "ran").exists()


def test_downloads_in_zip_archives_are_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "glove.6B.zip", "w") as archive:
        archive.writestr("glove.6B.50d.txt", "the 0.1 0.2\n")
    with pytest.raises(FormatError, match=r"zip archive that holds 'glove\.6B\.50d\.txt'; unpack it first"):
        lmkit.load(tmp_path / "glove.6B.zip")


def test_floret_s_table_has_no_words(tmp_path: Path) -> None:
    (tmp_path / "v.floret").write_text("2 3 4 5 2 2166136261 < >\n0 0.1 0.2 0.3\n1 0.1 0.2 0.3\n")
    with pytest.raises(FormatError, match="floret's hash table, which holds rows of n-grams and no words"):
        lmkit.load(tmp_path / "v.floret")
