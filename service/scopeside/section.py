"""What every section of the settings is made of: the base model and the types of values."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

LIVE: dict[str, Any] = {"live": True}

# ZeroMQ itself would take port 70000 as 4464 and 55x as 55.
_PORT = r"(\*|[1-5]?[0-9]{1,4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))"
Endpoint = Annotated[
    str,
    Field(
        pattern=rf"^(tcp://.+:{_PORT}|(ipc|inproc)://.+)$",
        json_schema_extra={
            "in_words": "tcp://HOST:PORT (up to 65535), ipc://FILE or inproc://NAME"
        },
    ),
]
Sha256 = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{64}$", json_schema_extra={"in_words": "64 hexadecimal digits"}),
]
Percent = Annotated[float, Field(ge=0.0, le=100.0)]


class Section(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
