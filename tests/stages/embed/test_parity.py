"""Parity is measured and a backend that computes something else is refused."""

from __future__ import annotations

import numpy as np
import pytest

from scopeside.errors import BackendError
from scopeside.stages.embed.chips import ChipsEmbedder
from scopeside.stages.embed.parity import measure_parity, require_parity, shared_agreement
from scopeside.stages.embed.shared import SharedEmbedder
from scopeside.stages.embed.simulated import film_image
from stages_embed_fakes import FakeEncoder


class Perturbed:
    """An encoder whose every embedding is off by noise of a relative size, or is no number."""

    name = "perturbed"
    device = "cpu"
    precision = "fp32"

    def __init__(self, relative: float) -> None:
        self._relative = relative

    def compile(self, shape_BCHW, head):
        program = FakeEncoder().compile(shape_BCHW, head)
        noise = np.random.default_rng(0)

        def run(tiles, out):
            program(tiles, out)
            out += self._relative * out.std() * noise.standard_normal(out.shape)

        return run


def chips_embedder(encoder, weights):
    return ChipsEmbedder(encoder, weights, input_px=32, batch=5)


def test_equal_embedders_have_a_cosine_of_one_on_sixteen_chips(weights):
    parity = require_parity(
        chips_embedder(FakeEncoder(), weights), chips_embedder(FakeEncoder(), weights), chip_px=32
    )
    assert parity.chips == 16
    assert parity.least_cosine == pytest.approx(1.0, abs=1e-6)


def test_small_differences_pass_with_their_figure(weights):
    parity = require_parity(
        chips_embedder(Perturbed(0.01), weights), chips_embedder(FakeEncoder(), weights), chip_px=32
    )
    assert 0.999 <= parity.least_cosine < 0.99999


@pytest.mark.parametrize("relative", [0.1, float("nan")])
def test_embedder_that_computes_something_else_is_refused_with_figures(weights, relative):
    with pytest.raises(BackendError, match=r"chips/perturbed/fp32 disagrees .* required is 0\.999"):
        require_parity(
            chips_embedder(Perturbed(relative), weights),
            chips_embedder(FakeEncoder(), weights),
            chip_px=32,
        )


def test_openvino_agrees_with_torch_in_both_modes(weights, torch_encoder, openvino_encoder):
    for build in (
        lambda encoder: ChipsEmbedder(encoder, weights, input_px=32, batch=4),
        lambda encoder: SharedEmbedder(encoder, weights, input_px=32),
    ):
        parity = measure_parity(build(openvino_encoder), build(torch_encoder), chip_px=32)
        assert parity.least_cosine > 0.99999


def test_agreement_of_a_mode_with_itself_is_complete_and_of_two_modes_is_not(
    weights, torch_encoder
):
    images = [film_image((128, 96), seed=1)]
    shared = SharedEmbedder(torch_encoder, weights, input_px=32)
    chips = ChipsEmbedder(torch_encoder, weights, input_px=32, batch=7)
    same = shared_agreement(chips, chips, images, chip_px=32, stride_px=16, neighbours=5)
    both = shared_agreement(shared, chips, images, chip_px=32, stride_px=16, neighbours=5)
    assert same.chips == both.chips == 7 * 5
    assert same.centred_cosine == pytest.approx(1.0, abs=1e-5)
    assert same.neighbour_overlap == 1.0
    assert 0.0 < both.centred_cosine < 0.999
    assert 5 / 34 < both.neighbour_overlap < 1.0  # more than neighbours drawn at random share
