from __future__ import annotations

import numpy as np
import pytest

from quality.encoders import Remembering, known_as, mode_of
from scopeside.messages import Array, ChipGrid, Float32
from scopeside.ports import EmbedderInfo
from scopeside.stages.embed.builtin import NAME


class Named:
    """An embedder of which nothing is asked but who made it."""

    def __init__(self, name: str, weights: str) -> None:
        self.info = EmbedderInfo(
            name=name, weights_name=weights, weights_sha256="", device="cpu", features=1
        )

    def plan(self, grid: ChipGrid) -> None:
        raise NotImplementedError

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        raise NotImplementedError

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        raise NotImplementedError


@pytest.mark.parametrize("mode", ["chips", "shared"])
@pytest.mark.parametrize(("weights", "known"), [(NAME, "builtin"), ("mine.pth", "seeded")])
def test_embeddings_are_clustered_by_the_rules_of_the_mode_and_encoder_they_came_from(
    mode: str, weights: str, known: str
) -> None:
    one = Remembering(Named(f"{mode}/openvino/bf16", weights))
    assert (mode_of(one), known_as(one)) == (mode, known)


class Counting(Named):
    """Embeds every chip as the image's mean, and counts how often."""

    calls = 0

    def plan(self, grid: ChipGrid) -> None:
        """Nothing to plan."""

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        return image_YX

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        self.calls += 1
        return np.full((grid.chips, 1), prepared.mean(), np.float32)


def test_an_image_is_embedded_once_for_each_grid() -> None:
    inner = Counting("chips/openvino/bf16", NAME)
    one = Remembering(inner)
    image_YX = np.ones((64, 64), np.float32)
    for size in (32, 32, 16):
        grid = ChipGrid((64, 64), size, size)
        assert len(one.embed(one.prepare(image_YX, grid), grid)) == grid.chips
    assert inner.calls == 2
