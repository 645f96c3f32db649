"""Headers of the native dialect: strict, bounded models of what a stranger may send.

Unknown keys are ignored, so that later versions of the contract may add some.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator

from scopeside.wire.arrays import Codec, Dtype

MAX_CHANNELS = 16
"""Most channels of a frame in the contract; `limits.channels` may be stricter."""

Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Name = Annotated[str, Field(max_length=128)]
SeriesName = Annotated[str, Field(min_length=1, max_length=128)]
Extent = Annotated[int, Field(ge=1, le=2**32)]
# msgpack has arrays, not tuples: the tuple itself is lenient, what is inside stays strict.
Metres = Annotated[float, Field(gt=0)]
PixelSize = Annotated[tuple[Metres, Metres], Strict(False)]
Row = Annotated[tuple[float, float, float], Strict(False)]
Affine = Annotated[tuple[Row, Row], Strict(False)]


class Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class ChannelHeader(Part):
    """One channel: how its payload is to be read."""

    name: Name
    shape: Annotated[list[Extent], Field(min_length=2, max_length=3)]
    dtype: Dtype
    codec: Codec


class StageHeader(Part):
    """Where the stage was: any subset of these."""

    x_m: float | None = None
    y_m: float | None = None
    z_m: float | None = None
    alpha_rad: float | None = None
    beta_rad: float | None = None


class ClockHeader(Part):
    """The sender's clock against the service's, from the control command `clock`.

    An NTP-style offset is a half sum: a float is rounded to whole nanoseconds.
    """

    offset_ns: Int64
    uncertainty_ns: Count | None = None

    @field_validator("offset_ns", "uncertainty_ns", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        return round(value) if type(value) is float and abs(value) < 2**63 else value


class Header(Part):
    """What every message says."""

    v: Literal[1]
    series: SeriesName
    t_ns: Int64
    user: Any = None


class StartHeader(Header):
    """A series begins."""

    pixel_size_m: PixelSize | None = None


class FrameHeader(Header):
    """One frame of a series."""

    frame: Count
    channels: Annotated[list[ChannelHeader], Field(min_length=1, max_length=MAX_CHANNELS)]
    pixel_size_m: PixelSize | None = None
    stage: StageHeader | None = None
    pixel_to_stage: Affine | None = None
    dose_e_per_m2: Annotated[float, Field(ge=0)] | None = None
    clock: ClockHeader | None = None


class EndHeader(Header):
    """A series is over; `frames` is how many were sent."""

    frames: Count | None = None
