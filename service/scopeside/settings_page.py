"""The reference of every setting as a Markdown page, read off the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from scopeside.setting_keys import DocumentedKey, documented_keys

_HEAD = """\
# Settings

Written by `scopeside config --markdown`; change the models in `service/scopeside/settings.py`, not
this page.

A setting can be given in a TOML file (`--config FILE.toml`), as an environment variable or on the
command line. Later ones win, in this order:

| Where | `chips.size_px` as an example |
|---|---|
| file | `[chips]` and under it `size_px = 48` |
| environment | `SCOPESIDE_CHIPS__SIZE_PX=48` |
| command line | `--set chips.size_px=48` |

`--config` takes the name of a [preset](../config/README.md) too, and may be repeated. An unknown
key is an error that names the nearest known one; so is a value of the wrong type. Paths are
relative to the working directory. An empty value means absent. `scopeside config` shows the
effective settings and where each comes from.

Those marked **live** may change while the service runs, by the control command `set`.
"""


def settings_page() -> str:
    """Return the page: one table for each section, in the order of the models."""
    return "\n".join([_HEAD, *_tables()])


def _tables() -> Iterator[str]:
    for section, keys in groupby(documented_keys(), key=lambda key: key.key.rpartition(".")[0]):
        yield f"## {f'`[{section}]`' if section else 'Above all sections'}\n"
        yield "| Key | Default | Allowed | Meaning |"
        yield "|---|---|---|---|"
        yield from map(_row, keys)
        yield ""


def _row(key: DocumentedKey) -> str:
    live = " **live**" if key.live else ""
    words, pattern, rest = key.type.partition("that matches ")
    allowed = f"{words}{pattern}`{rest}`" if pattern else words
    cells = (f"`{key.key}`{live}", _shown(key.default), allowed, key.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _shown(default: Any) -> str:
    return "absent" if default is None else f"`{json.dumps(default)}`"
