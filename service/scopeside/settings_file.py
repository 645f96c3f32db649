"""The commented file of every setting: what `scopeside config init` writes, read off the models."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from scopeside.setting_keys import DocumentedKey, documented_keys

_HEAD = """\
# Every setting with its default. Copy what you want to change; what is left out keeps its
# default. Settings that are absent by default are shown behind a `#` with an example.
# `(live)` marks those that the control command `set` may change while the service runs.
"""

_WIDTH = 100

EXAMPLES: Mapping[str, Any] = {
    "ingest.policy": "lossless",
    "preprocess.dark": "dark.npy",
    "preprocess.flat": "flat.npy",
    "preprocess.hot_pixel_sigma": 6.0,
    "chips.stride_px": 32,
    "chips.input_px": 64,
    "embed.weights_sha256": "0123456789abcdef" * 4,
    "embed.batch": 25,
    "identity.unit": 0.7,
    "http.token_file": "token",
    "http.tls_cert": "cert.pem",
    "http.tls_key": "key.pem",
    "security.server_key": "server.key_secret",
    "security.clients": "clients",
    "security.publisher_key": "publisher.key",
    "service.cache": "cache",
    "record.file": "run.h5",
    "save.folder": "runs",
    "state.file": "session.state",
    "bench.stream": "swnt_growth_etem/stack.tif",
}
"""Values shown for settings that are absent by default."""


def settings_file() -> str:
    """Return the file: valid TOML that changes nothing, a comment above every key."""
    return "\n".join([_HEAD, *_tables()]).rstrip("\n") + "\n"


def _tables() -> Iterator[str]:
    for section, keys in groupby(documented_keys(), key=lambda key: key.key.rpartition(".")[0]):
        if section:
            yield f"[{section}]"
        for key in keys:
            yield from _lines(key)
        yield ""


def _lines(key: DocumentedKey) -> Iterator[str]:
    text = key.description + (" (live)" if key.live else "")
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    name = key.key.rpartition(".")[2]
    if key.default is None:
        yield f"# {name} = {json.dumps(EXAMPLES.get(key.key, ''))}"
    else:
        yield f"{name} = {json.dumps(key.default)}"
