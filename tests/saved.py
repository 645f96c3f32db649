"""Saved runs for tests: results as the tap hands them to the saving process."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import contract_messages as contract
from scopeside.recording.layout import RecordedMessage
from scopeside.saving.packet import FrameFacts, encode_saved
from scopeside.saving.store import RunStore

PERIOD_NS = 500_000_000
BEGAN_NS = 1_700_000_000_000_000_000


def saved_message(frame=0, *, image=None, dose=None, size=None, dropped=0, **changes):
    """A frame's result (and the frame) with its facts; changes are those of the result."""
    facts = FrameFacts(pixel_size_m=size, dose_e_per_m2=dose, image_YX=image)
    result = contract.result(frame, **{"t_ns": BEGAN_NS + frame * PERIOD_NS, **changes})
    parts = encode_saved(contract.packed(result), facts)
    return RecordedMessage(
        parts=[bytes(part) for part in parts], monotonic_ns=1, wall_ns=1, dropped_before=dropped
    )


def front(position_px: float, *, between=(1, 7), speed_px_per_frame: float | None = 0.5):
    """A front as results carry it."""
    return {
        "between": list(between),
        "position_px": position_px,
        "position_m": None,
        "speed_px_per_s": None,
        "speed_m_per_s": None,
        "speed_px_per_frame": speed_px_per_frame,
        "roughness_px": 0.5,
        "length_px": 40.0,
        "normal": [0.0, 1.0],
    }


def labels_of(number: int, shape=(6, 8)) -> np.ndarray:
    return np.random.default_rng(number).integers(1, 4, shape).astype("<u2")


def save(path: Path, *messages, dropped_after: int = 0) -> Path:
    """Write a whole run."""
    store = RunStore(path, source="tcp://127.0.0.1:5556")
    store.append(messages)
    store.close(dropped_after=dropped_after)
    return path
