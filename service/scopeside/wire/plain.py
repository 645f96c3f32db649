"""From what a Python program holds to what a header can say: no NumPy types, keys that are strings.

Acquisition programs have their values in NumPy scalars and arrays, and msgpack knows neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from scopeside.errors import DropError, DropReason
from scopeside.settings import LimitSettings
from scopeside.wire.arrays import short

MAX_VALUES = LimitSettings().user_bytes
"""Most values of an array in a header: each takes a byte at least, and `user` no more than this."""


def plain(value: Any) -> Any:
    """Return the value with NumPy scalars and arrays inside it as numbers, strings and lists.

    Raises DropError for what the service would drop as `bad_header` (a key that is no string, a
    msgpack extension) or as `too_large` (an array). What is of another type is left as it is.
    """
    if isinstance(value, Mapping):
        return {_key(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (msgpack.ExtType, msgpack.Timestamp)):
        raise DropError(
            DropReason.BAD_HEADER, f"A header holds no msgpack extension: {short(value)}."
        )
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        if value.size > MAX_VALUES:
            raise DropError(
                DropReason.TOO_LARGE,
                f"An array of shape {short(value.shape)} is too large for a header; send it as a"
                " channel.",
            )
        return plain(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise DropError(
            DropReason.BAD_HEADER, f"A key of a header is a string; {short(key)} is none."
        )
    return str(key)
