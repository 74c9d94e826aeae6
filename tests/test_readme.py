"""What the documents say is what the program does: commands run and print what is shown, pages are current, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import load_script

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


readme = load_script(ROOT / "docs" / "readme_commands.py")


def test_two_commands_for_all_the_set_up() -> None:
    blocks = readme.blocks()
    assert list(blocks)[:2] == ["install", "test"]
    for name in ("install", "test"):
        assert len(blocks[name].text.splitlines()) == 1
        assert blocks[name].text.startswith("python3 -m venv .venv && . .venv/bin/activate && pip install ")
    assert readme.without_set_up(blocks["install"].text) == "lmkit train-ngram\n"
    assert readme.without_set_up(blocks["test"].text) == "python -m pytest -n 2\n"
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("pip install '") == 1  # nothing else to be installed anywhere


def test_ci_runs_the_readme_s_test_command() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "readme_commands.py", "test"], capture_output=True, text=True, check=True)
    assert done.stdout == readme.blocks()["test"].text
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "docs/readme_commands.py test" in ci
    assert 'bash -euo pipefail -c "$command"' in ci


def test_commands_run_and_print_what_the_readme_shows(tmp_path: Path) -> None:
    for name, block in readme.blocks().items():
        if name == "test":
            continue
        printed = readme.run(block, tmp_path)
        if block.output is not None:
            assert comparable(printed) == comparable(block.output), f"{name}: run `python docs/readme_commands.py --update`"


def comparable(text: str) -> list[str]:
    """The words of an output, figures to four digits, without the time it took and the size of files, which may change with the format."""
    words = re.sub(r"made in [\d.]+ s|\([\d.]+ [kM]B\)|file bytes +[\d,]+", "", text).split()
    return [f"{float(word.replace(',', '')):.4g}" if re.fullmatch(r"-?[\d,]*\.?\d+", word) else word for word in words]


def test_page_of_the_command_line_is_current() -> None:
    page = load_script(ROOT / "docs" / "make_cli_page.py").page()
    assert page == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run `python docs/make_cli_page.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_numbers_of_the_derivation(tmp_path: Path) -> None:
    """docs/kneser-ney.md works three sentences out by hand; the model says the same to the last digit printed."""
    import lmkit

    text = (ROOT / "docs" / "kneser-ney.md").read_text(encoding="utf-8")
    model = lmkit.NgramLanguageModel(order=2).fit("the cat sat\nthe dog sat\nthe cat ran\n")
    after = {word.token: word.probability for word in model.next_words("the", top=100)}
    stated = dict(re.findall(r"p\((\w+) \| the\) = .* = (0\.\d+)", text))
    assert stated.keys() == {"cat", "dog", "sat"}
    for word, value in stated.items():
        assert after[word] == pytest.approx(float(value), abs=6e-7)
    unigrams = lmkit.NgramLanguageModel(order=2).fit("the cat sat\nthe dog sat\nthe cat ran\n").log_probs([-1])[0]
    for word, value in re.findall(r"p\((\S+)\) +=[^=]* = (0\.\d+)", text):
        assert 2.718281828459045 ** unigrams[model.vocabulary.id(word)] == pytest.approx(float(value), abs=6e-7)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_pages_is_python(page: Path) -> None:
    for source in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        compile(source, page.name, "exec")


def test_another_library_reads_a_model_as_the_formats_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("safetensors")
    import lmkit

    page = (ROOT / "docs" / "file-formats.md").read_text(encoding="utf-8")
    model = lmkit.NgramLanguageModel(order=2).fit("the cat sat\nthe dog sat\nthe cat ran\n")
    model.save(tmp_path / "model.lm")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0].replace("print(", "printed = ("), names)
    assert list(names["printed"]) == pytest.approx([-1.146128, 0, -0.706795], abs=1e-6)  # 0.071429, 1, 0.196429: docs/kneser-ney.md

    from safetensors.numpy import load_file

    tensors = load_file(tmp_path / "model.lm")
    stored = {name for name in tensors if not name.startswith("__padding__")}
    assert stored <= set(re.findall(r"`((?:trie|vocabulary)\.\w+)`", page))
    assert set(re.findall(r"`(trie\.\w+)`", page)) <= stored
