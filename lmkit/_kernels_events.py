"""Kernel that lays scored events out.

name                          dtype  shape   what
own_ids                       int32  (N,)    words of the text in its own vocabulary
to_model                      int32  (V,)    the model's id of each of the text's types
sentence_offsets              int64  (S+1,)  into own_ids
document_offsets              int64  (D+1,)  into the sentences
type_characters, type_bytes   int32  (V,)    length of each of the text's types
token_ids .. document                (E,)    out, see `lmkit.events.ScoredEvents`; E = N, or N + S with ends

Plain twin: tests/test_events.py.
"""

from __future__ import annotations

from lmkit._jit import kernel


@kernel
def lay_out_events(
    own_ids, to_model, sentence_offsets, document_offsets, type_characters, type_bytes, separator, ends, end_id,
    token_ids, is_oov, is_end, characters, sizes, sentence, document,
):  # type: ignore[no-untyped-def]  # fmt: skip
    """Fill the columns. The separator goes with what follows it: a space with its word, a newline with its end."""
    event = 0
    for index in range(len(document_offsets) - 1):
        for number in range(document_offsets[index], document_offsets[index + 1]):
            start, stop = sentence_offsets[number], sentence_offsets[number + 1]
            for place in range(start, stop):
                own = own_ids[place]
                before = separator if place > start else 0
                token_ids[event] = to_model[own]
                is_oov[event] = to_model[own] == 0
                is_end[event] = False
                characters[event] = type_characters[own] + before
                sizes[event] = type_bytes[own] + before
                sentence[event] = number
                document[event] = index
                event += 1
            if ends:
                token_ids[event] = end_id
                is_oov[event] = False
                is_end[event] = True
                characters[event] = 1
                sizes[event] = 1
                sentence[event] = number
                document[event] = index
                event += 1
