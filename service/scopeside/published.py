"""A frame whose result has just been sent, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scopeside.messages import Accounting, Segmentation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Published:
    """What the service's own observers are shown of every frame.

    `stages_s` ends with `encode`; `end_to_end_s` is None where the clocks cannot be compared.
    """

    segmentation: Segmentation
    accounting: Accounting
    published_ns: int
    stages_s: Mapping[str, float]
    service_s: float
    end_to_end_s: float | None
