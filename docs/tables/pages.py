"""Tables of a page, each between its comments `<!-- table: NAME -->` and `<!-- end -->`, written anew by the scripts of this folder."""

from __future__ import annotations

import re
from collections.abc import Mapping


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """A page with these tables, by name, in place of those that it has; names that it lacks are left out."""
    for name, table in tables.items():
        marker = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = marker.sub(lambda found, table=table: f"{found.group(1)}\n{table}\n{found.group(2)}", text)  # type: ignore[misc]
    return text
