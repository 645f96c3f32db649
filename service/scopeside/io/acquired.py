"""What a microscope's file says of when and where its frames were taken.

HyperSpy maps a reader's own tags to common names and units; RosettaSciIO hands over the map and the
tags. The stage is read here from the tags themselves, because what the map makes of them differs
in unit from reader to reader.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_DEGREE = math.pi / 180
_MICROMETRE = 1e-6
_MILLIMETRE = 1e-3

# Tags by the end of their path: the key of the wire contract, and its unit in the contract's.
_STAGE_TAGS: Mapping[str, tuple[str, float]] = {
    # DigitalMicrograph: Microscope Info.Stage Position
    "Stage Position.Stage X": ("x_m", _MICROMETRE),
    "Stage Position.Stage Y": ("y_m", _MICROMETRE),
    "Stage Position.Stage Z": ("z_m", _MICROMETRE),
    "Stage Position.Stage Alpha": ("alpha_rad", _DEGREE),
    "Stage Position.Stage Beta": ("beta_rad", _DEGREE),
    # Velox (EMD): SI throughout
    "Stage.Position.x": ("x_m", 1.0),
    "Stage.Position.y": ("y_m", 1.0),
    "Stage.Position.z": ("z_m", 1.0),
    "Stage.AlphaTilt": ("alpha_rad", 1.0),
    "Stage.BetaTilt": ("beta_rad", 1.0),
    # TIA (EMI beside SER)
    "ExperimentalDescription.Stage X_um": ("x_m", _MICROMETRE),
    "ExperimentalDescription.Stage Y_um": ("y_m", _MICROMETRE),
    "ExperimentalDescription.Stage Z_um": ("z_m", _MICROMETRE),
    "ExperimentalDescription.Stage A_deg": ("alpha_rad", _DEGREE),
    "ExperimentalDescription.Stage B_deg": ("beta_rad", _DEGREE),
    # FEI's extended header (MRC)
    "fei_header.x_stage": ("x_m", 1.0),
    "fei_header.y_stage": ("y_m", 1.0),
    "fei_header.z_stage": ("z_m", 1.0),
    "fei_header.a_tilt": ("alpha_rad", _DEGREE),
    "fei_header.b_tilt": ("beta_rad", _DEGREE),
    # FEI and Thermo Fisher (TIFF): SI throughout
    "fei_metadata.Stage.StageX": ("x_m", 1.0),
    "fei_metadata.Stage.StageY": ("y_m", 1.0),
    "fei_metadata.Stage.StageZ": ("z_m", 1.0),
    "fei_metadata.Stage.StageT": ("alpha_rad", 1.0),
}

# HyperSpy's own files: millimetres and degrees.
_HYPERSPY_STAGE: Mapping[str, tuple[str, float]] = {
    "x": ("x_m", _MILLIMETRE),
    "y": ("y_m", _MILLIMETRE),
    "z": ("z_m", _MILLIMETRE),
    "tilt_alpha": ("alpha_rad", _DEGREE),
    "tilt_beta": ("beta_rad", _DEGREE),
}

_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6}
_SECONDS |= {"µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0}
_DEGREES = frozenset({"deg", "°", "degree", "degrees"})

# A position further out than any stage goes is a misread one.
_LARGEST_M = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """`stage` holds keys of the wire contract; `began` is ISO 8601, with an offset where known.

    `period_s` is the time from frame to frame and `tilt_rad` `(first, step)` of alpha, where the
    axis that counts frames says so.
    """

    stage: Mapping[str, float] = field(default_factory=dict)
    began: str | None = None
    period_s: float | None = None
    tilt_rad: tuple[float, float] | None = None

    def stage_at(self, index: int) -> Mapping[str, float] | None:
        """Return the stage at frame `index`; None where nothing is known of it."""
        if self.tilt_rad is None:
            return self.stage or None
        first_rad, step_rad = self.tilt_rad
        return {**self.stage, "alpha_rad": first_rad + index * step_rad}

    def times_s(self, count: int) -> tuple[float, ...] | None:
        """Return when each of `count` frames was taken, after the first; None where unknown."""
        if self.period_s is None:
            return None
        return tuple(index * self.period_s for index in range(count))


def acquired_of(
    data_set: Mapping[str, Any], counting_axes: Sequence[Mapping[str, Any]]
) -> Acquired:
    """Return what a data set of RosettaSciIO says; `counting_axes` are those that count frames."""
    metadata = data_set.get("metadata") or {}
    period_s = tilt_rad = None
    if len(counting_axes) == 1:
        axis = counting_axes[0]
        units = str(axis.get("units") or "").strip().lower()
        step = _number(axis.get("scale"))
        if step is not None and step > 0 and units in _SECONDS:
            period_s = step * _SECONDS[units]
        elif step is not None and step != 0 and units in _DEGREES:
            tilt_rad = ((_number(axis.get("offset")) or 0.0) * _DEGREE, step * _DEGREE)
    return Acquired(
        stage=_stage(data_set.get("original_metadata") or {}, metadata),
        began=_began(metadata.get("General") or {}),
        period_s=period_s,
        tilt_rad=tilt_rad,
    )


def _stage(tags: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, float]:
    stage: dict[str, float] = {}
    instrument = metadata.get("Acquisition_instrument") or {}
    for kind in ("TEM", "SEM"):
        found = (instrument.get(kind) or {}).get("Stage") or {}
        for name, (key, unit) in _HYPERSPY_STAGE.items():
            _put(stage, key, found.get(name), unit)
    for path, value in _leaves(tags):
        end = ".".join(path.rsplit(".", 3)[-3:])
        for tag in (end, end.partition(".")[2]):
            if tag in _STAGE_TAGS:
                key, unit = _STAGE_TAGS[tag]
                _put(stage, key, value, unit)
    return stage


def _put(stage: dict[str, float], key: str, value: Any, unit: float) -> None:
    number = _number(value)
    if number is None or key in stage:
        return
    if key.endswith("_m") and abs(number * unit) > _LARGEST_M:
        return
    stage[key] = number * unit


def _leaves(tags: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in tags.items():
        below = f"{path}.{name}" if path else str(name)
        if isinstance(value, Mapping):
            found += _leaves(value, below)
        else:
            found.append((below, value))
    return found


def _began(general: Mapping[str, Any]) -> str | None:
    """Return date and time of RosettaSciIO's `General`, at most to the microsecond."""
    date, clock = str(general.get("date") or ""), str(general.get("time") or "")
    clock = re.sub(r"(\.\d{6})\d+", r"\1", clock)
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}")
    except ValueError:
        return None
    if moment.tzinfo is None and str(general.get("time_zone") or "") in ("UTC", "Z"):
        moment = moment.replace(tzinfo=UTC)
    return moment.isoformat()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
