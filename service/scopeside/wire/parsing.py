"""From header bytes to a checked header: whatever is wrong becomes a DropError with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgpack
from pydantic import ValidationError

from scopeside.errors import DropError, DropReason
from scopeside.settings import LimitSettings
from scopeside.wire.arrays import Buffer, short
from scopeside.wire.headers import Header

AnyHeader = TypeVar("AnyHeader", bound=Header)

VERSION = 1
"""Version of the wire contract."""

MAX_USER_DEPTH = 32
"""Deepest nesting of `user`: readers of results in other languages recurse."""

_FIELD_REASONS = {
    "dtype": DropReason.BAD_DTYPE,
    "codec": DropReason.BAD_CODEC,
    "shape": DropReason.BAD_SHAPE,
}
_PRECEDENCE = (
    DropReason.BAD_HEADER,
    DropReason.BAD_DTYPE,
    DropReason.BAD_CODEC,
    DropReason.BAD_SHAPE,
    DropReason.TOO_LARGE,
)


def unpack_header(header: Buffer) -> dict[str, Any]:
    """Return the map in a header: string keys, none twice, no extension types."""
    try:
        fields = msgpack.unpackb(header, object_pairs_hook=_unique, ext_hook=_refuse_extension)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise DropError(
            DropReason.BAD_HEADER, f"A header is not one msgpack map: {short(str(error))}."
        ) from error
    if not isinstance(fields, dict):
        raise DropError(DropReason.BAD_HEADER, "A header is msgpack, but not a map.")
    return fields


def _unique(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice")
    if not {*map(type, fields)} <= {str}:
        raise ValueError("a key is no string")
    return fields


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code}")


def readable_series(fields: Mapping[str, Any]) -> str | None:
    """Return the series that a header names, valid or not in everything else."""
    series = fields.get("series")
    return series if isinstance(series, str) and 1 <= len(series) <= 128 else None


def readable_number(fields: Mapping[str, Any]) -> int | None:
    """Return the frame number that a header names, valid or not in everything else."""
    number = fields.get("frame")
    return number if type(number) is int and 0 <= number < 2**63 else None


def validate_header(model: type[AnyHeader], fields: Mapping[str, Any]) -> AnyHeader:
    """Return the header that `fields` make; DropError with the gravest fault's reason else."""
    version = fields.get("v", VERSION)
    if type(version) is not int or version != VERSION:
        raise DropError(
            DropReason.BAD_VERSION,
            f"Version {short(version)} of the wire contract is unknown; this is version {VERSION}.",
        )
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _as_drop(error) from error


def _as_drop(error: ValidationError) -> DropError:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    found = [(_PRECEDENCE.index(_reason(fault)), at) for at, fault in enumerate(faults)]
    fault = faults[min(found)[1]]
    where = ".".join(str(step) for step in fault["loc"])
    return DropError(_reason(fault), f"Header field {short(where)}: {fault['msg']}.")


def _reason(fault: Mapping[str, Any]) -> DropReason:
    kind, where = fault["type"], fault["loc"]
    if where == ("channels",) and kind == "too_long":
        return DropReason.TOO_LARGE
    names = [step for step in where if isinstance(step, str)]
    if where[:1] != ("channels",) or kind == "missing":
        return DropReason.BAD_HEADER
    return _FIELD_REASONS.get(names[-1], DropReason.BAD_HEADER)


def check_user(user: Any, header_bytes: int, limits: LimitSettings) -> None:
    """Raise DropError for a `user` value too deep or, as msgpack, too large to echo."""
    if user is None:
        return
    level = [user]
    for _ in range(MAX_USER_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, (list, dict))
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            break
    else:
        raise DropError(
            DropReason.BAD_HEADER, f"Header field user nests deeper than {MAX_USER_DEPTH} levels."
        )
    # Packing is only worth its time when the whole header is large enough to hold too much.
    if header_bytes > limits.user_bytes and len(msgpack.packb(user)) > limits.user_bytes:
        raise DropError(
            DropReason.TOO_LARGE,
            f"Header field user is more than limits.user_bytes ({limits.user_bytes}).",
        )
