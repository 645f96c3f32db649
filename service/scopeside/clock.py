"""Stage times: what each step of one frame took, in the order in which the steps ran."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Collects seconds by stage name for one frame; a stage entered twice adds up."""

    def __init__(self) -> None:
        self.stages_s: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begun_s = time.perf_counter()
        try:
            yield
        finally:
            spent_s = time.perf_counter() - begun_s
            self.stages_s[stage] = self.stages_s.get(stage, 0.0) + spent_s
