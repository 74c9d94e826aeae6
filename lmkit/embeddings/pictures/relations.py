"""Pairs of words for the pictures that lectures draw: offsets that are nearly parallel."""

from __future__ import annotations

from collections.abc import Container

RELATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    # the countries of figure 2 of Mikolov et al. 2013b, with Poland to Portugal as there
    "capitals": (
        ("china", "beijing"),
        ("russia", "moscow"),
        ("japan", "tokyo"),
        ("turkey", "ankara"),
        ("poland", "warsaw"),
        ("germany", "berlin"),
        ("france", "paris"),
        ("italy", "rome"),
        ("greece", "athens"),
        ("spain", "madrid"),
        ("portugal", "lisbon"),
    ),
    "gender": (
        ("man", "woman"),
        ("king", "queen"),
        ("prince", "princess"),
        ("father", "mother"),
        ("son", "daughter"),
        ("brother", "sister"),
        ("uncle", "aunt"),
        ("husband", "wife"),
        ("actor", "actress"),
    ),
    "tense": (
        ("walk", "walked"),
        ("swim", "swam"),
        ("go", "went"),
        ("see", "saw"),
        ("take", "took"),
        ("write", "wrote"),
        ("sing", "sang"),
        ("fly", "flew"),
        ("say", "said"),
    ),
    "comparative": (
        ("big", "bigger"),
        ("small", "smaller"),
        ("fast", "faster"),
        ("strong", "stronger"),
        ("long", "longer"),
        ("high", "higher"),
        ("old", "older"),
        ("cold", "colder"),
    ),
}
"""Named sets of pairs, all in lower case."""


def known_pairs(name: str, words: Container[str]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The pairs of a relation that are among the words, spelled as there (France where there is no france), and those that are not."""
    known, unknown = [], []
    for pair in RELATIONS[name]:
        found = [next((form for form in (word, word.capitalize(), word.upper()) if form in words), None) for word in pair]
        if None in found:
            unknown.append(pair)
        else:
            known.append((str(found[0]), str(found[1])))
    return known, unknown
