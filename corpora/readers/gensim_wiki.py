"""The sample of English Wikipedia that gensim's wheel carries for its tests, cleaned with gensim's own wiki reader.

A document is a page (namespace 0, no redirects). Its wiki markup is taken out by `filter_wiki`; each line that is left, a paragraph,
a heading or an item of a list, goes through gensim's tokenizer and becomes a line of words, lower case, without punctuation
and digits. Words of one letter are kept, as a language model needs "a" and "I" (gensim's own default drops them).

The cleaned pages are kept in the cache folder, one file a page; deleting them costs two seconds.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from pathlib import Path

from lmkit import paths
from lmkit._files import making_folder
from lmkit._progress import Progress
from lmkit.errors import FormatError, MissingDependencyError
from lmkit_corpora.download import check_file
from lmkit_corpora.entry import CatalogueEntry

RECIPE = 1
"""Number of the cleaning: changed when its result changes, so that older cached pages are not used."""


def is_present(entry: CatalogueEntry) -> bool:
    return importlib.util.find_spec("gensim") is not None and _dump(entry).is_file()


def folder(entry: CatalogueEntry) -> Path:
    try:
        version = importlib.metadata.version("gensim")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return paths.cache_folder() / "corpora" / f"{entry.name}-{RECIPE}-gensim-{version}"


def files(entry: CatalogueEntry, split: str) -> list[Path]:
    """Pages of a split, by the position in the dump: position modulo `split.period` in `split.SPLIT`."""
    here = folder(entry)
    index = here / "pages.json"
    if not index.is_file():
        _clean(entry, here)
    names = [here / f"{page['id']}.txt" for page in json.loads(index.read_text(encoding="utf-8"))]
    if split == "all":
        return names
    rule = entry.settings["split"]
    return [path for position, path in enumerate(names) if position % rule["period"] in rule[split]]


def notes(entry: CatalogueEntry) -> list[str]:
    return []


def _dump(entry: CatalogueEntry) -> Path:
    spec = importlib.util.find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"The corpus {entry.name} comes with the package gensim, which isn't installed; install it with: pip install gensim"
        )
    return Path(next(iter(spec.submodule_search_locations))) / entry.settings["path"]


def _clean(entry: CatalogueEntry, here: Path) -> None:
    """Write the pages and pages.json into `here`, which appears only when all of it is there."""
    dump = _dump(entry)
    if not dump.is_file():
        raise FormatError(f"{dump}: is not in the installed gensim; reinstall it with: pip install --force-reinstall gensim")
    check_file(dump, size=entry.size, sha256=entry.sha256)
    import bz2

    try:
        from gensim.corpora.wikicorpus import extract_pages, filter_wiki, tokenize
    except ImportError as error:
        raise MissingDependencyError(
            f"gensim can't be imported ({error}); install it anew with: pip install --force-reinstall gensim"
        ) from error
    with making_folder(here, "pages.json") as temporary:
        pages = []
        with bz2.open(dump) as file, Progress("cleaning Wikipedia pages", unit="page") as bar:
            for title, markup, page_id in extract_pages(file, filter_namespaces=("0",)):
                bar.advance()
                if re.match(r"\s*#redirect", markup, re.IGNORECASE):
                    continue
                lines = (tokenize(line, token_min_len=1, token_max_len=1000, lower=True) for line in filter_wiki(markup).splitlines())
                text = "".join(" ".join(words) + "\n" for words in lines if words)
                if not text:
                    continue
                (temporary / f"{page_id}.txt").write_text(text, encoding="utf-8", newline="\n")
                pages.append({"id": page_id, "title": title})
        (temporary / "pages.json").write_text(json.dumps(pages, ensure_ascii=False, indent=0), encoding="utf-8")
