"""Descriptors of a simulated irradiation run, segmented by the built-in encoder, against truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from scopeside.assembly import assemble, still_frame
from scopeside.configuration import load_settings
from scopeside.messages import Segmentation
from scopeside.testing.specimen import IrradiatedFilm, SimulatedFrame

SHAPE = (384, 384)
HALF_A_STRIDE_PX = 16.0
FRAME_S = 0.5
PROGRESS = np.linspace(0.35, 0.75, 5)
FILM = IrradiatedFilm(shape=SHAPE, seed=31)
Run = list[tuple[SimulatedFrame, Segmentation]]


def segmented(*sets: str) -> Iterator[tuple[SimulatedFrame, Segmentation]]:
    shape = f"service.frame_shape={list(SHAPE)}"
    pipeline = assemble(load_settings(sets=["embed.mode=shared", shape, *sets]))
    for number, progress in enumerate(PROGRESS):
        exposed = FILM.expose(progress * FILM.dose_full_e_per_m2, number=number)
        frame = still_frame(exposed.counts_YX, number=number, pixel_size_m=(3.78e-11,) * 2)
        yield exposed, pipeline.segment(replace(frame, t_ns=round(1e9 * (1 + FRAME_S * number))))


@pytest.fixture(scope="module")
def run() -> Run:
    return list(segmented())


def crystal_and_film(exposed: SimulatedFrame, one: Segmentation) -> tuple[int, int]:
    """Which ids are the crystalline and the amorphous part: those that cover most of them."""
    labels_YX = one.label_map.labels_YX
    crystalline, amorphous = (
        int(np.bincount(labels_YX[exposed.truth_YX == phase]).argmax()) for phase in (0, 1)
    )
    return crystalline, amorphous


def test_the_front_is_within_half_a_stride_of_the_truth(run: Run) -> None:
    for exposed, one in run:
        pair = tuple(sorted(crystal_and_film(exposed, one)))
        (front,) = (front for front in one.fronts if front.between == pair)
        normal_y, normal_x = front.normal
        # Pixel centres lie at whole numbers, so the edge after pixel n lies at n + 1/2.
        true_px = normal_x * (exposed.front_px_Y.mean() - 0.5) + normal_y * 0.5 * (SHAPE[0] - 1)
        assert abs(front.position_px - true_px) < HALF_A_STRIDE_PX
        assert front.length_px == pytest.approx(SHAPE[0], rel=0.25)
        assert 1.0 < front.roughness_px < 20.0


def test_the_front_has_the_speed_of_the_truth(run: Run) -> None:
    front = run[-1][1].fronts[0]
    true_px = np.polyfit(range(len(run)), [exposed.front_px_Y.mean() for exposed, _ in run], 1)[0]
    assert front.speed_px_per_frame is not None
    assert abs(front.speed_px_per_frame) == pytest.approx(true_px, rel=0.2)
    assert front.speed_px_per_s == pytest.approx(front.speed_px_per_frame / FRAME_S)
    assert front.speed_m_per_s == pytest.approx(front.speed_px_per_s * 3.78e-11)


def test_the_crystalline_part_shows_its_lattice_and_the_amorphous_part_none(run: Run) -> None:
    for exposed, one in run:
        told = {community.identity.id: community.descriptors for community in one.communities}
        crystalline, amorphous = (told[id_] for id_ in crystal_and_film(exposed, one))
        assert crystalline["crystallinity"] > 0.8
        assert crystalline["spacing_px"] == pytest.approx(FILM.lattice_spacing_px, rel=0.03)
        assert crystalline["spacing_m"] == pytest.approx(7.3 * 3.78e-11, rel=0.03)
        assert amorphous["crystallinity"] < 0.05
        assert amorphous["spacing_px"] is None


def test_label_maps_are_the_same_bit_for_bit_without_descriptors(run: Run) -> None:
    without = list(segmented("descriptors.enabled=false"))
    for (_, there), (_, here) in zip(run, without, strict=True):
        np.testing.assert_array_equal(there.label_map.labels_YX, here.label_map.labels_YX)
        np.testing.assert_array_equal(there.label_map.confidence_YX, here.label_map.confidence_YX)
        assert there.identified.identities == here.identified.identities
        assert [replace(one, descriptors={}) for one in there.communities] == list(here.communities)
        assert here.fronts == ()
