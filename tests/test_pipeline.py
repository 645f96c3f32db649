"""What a pipeline carries from frame to frame, and what it forgets, with an embedder that is told
which material every chip shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from planted import embeddings
from scopeside.assembly import assemble, still_frame
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError, DropError, DropReason
from scopeside.messages import Array, ChipGrid, Float32, Int32, Segmentation
from scopeside.pipeline import PLANNED_SHAPES
from scopeside.ports import EmbedderInfo
from scopeside.stages.resolution import LADDER

SIDE = 15
SHAPE = (256, 256)
SETS = ["embed.weights=seeded", "chips.size_px=32", "chips.stride_px=16"]
MATERIALS = 8
UNJOINED = "identity.merge_distance=0"
"""Nothing is joined, so a frame of one material and one of two are best divided differently."""


def halves(left: int, right: int) -> Int32:
    """Material of every chip of a frame of `SHAPE`: one on the left, another, on a little less, on
    the right."""
    material_RC = np.full((SIDE, SIDE), left, dtype=np.int32)
    material_RC[:, SIDE // 2 + 1 :] = right
    return material_RC.ravel()


class ToldEmbedder:
    """Embeds what it is told, whatever the image shows, and remembers what it was asked to plan."""

    info = EmbedderInfo(
        name="told", weights_name="none", weights_sha256="", device="cpu", features=512
    )

    def __init__(self) -> None:
        self.material_N = halves(0, 1)
        self.planned: list[tuple[int, int]] = []
        self.seed = 0

    def plan(self, grid: ChipGrid) -> None:
        self.planned.append(grid.shape)

    def prepare(self, image_YX: Float32, grid: ChipGrid) -> Array:
        del grid
        return image_YX

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        del prepared
        # One chip of each material is appended, so that centres are the same in every frame.
        all_N = np.concatenate([np.resize(self.material_N, grid.chips), np.arange(MATERIALS)])
        values_ND = embeddings(all_N.astype(np.int32), seed=self.seed, features=512)
        return values_ND[: grid.chips]


class Bench:
    """A pipeline and its embedder; every frame has the next number and other noise."""

    def __init__(self, *sets: str, embedder: ToldEmbedder | None = None) -> None:
        self.embedder = embedder or ToldEmbedder()
        self.pipeline = assemble(load_settings(sets=[*SETS, *sets]), self.embedder)
        self._number = 0

    def see(
        self,
        material_N: Int32 | None = None,
        *,
        series: str = "a",
        image_YX: Array | None = None,
        seed: int | None = None,
    ) -> Segmentation:
        self._number += 1
        self.embedder.seed = self._number if seed is None else seed
        if material_N is not None:
            self.embedder.material_N = material_N
        image_YX = slope(0, 100) if image_YX is None else image_YX
        return self.pipeline.segment(still_frame(image_YX, number=self._number, series=series))


class RimEmbedder(ToldEmbedder):
    """Material 2 looks like what lies between materials 0 and 1, and somewhat like itself."""

    def embed(self, prepared: Array, grid: ChipGrid) -> Float32:
        del prepared
        material_N = np.concatenate([np.resize(self.material_N, grid.chips), [0, 1, 2]])
        values_ND = embeddings(material_N.astype(np.int32), seed=self.seed, features=512)
        centre_KD = np.random.default_rng(0).normal(size=(3, 512)) * np.sqrt(2.0)  # as planted
        between_D = 0.5 * (centre_KD[0] + centre_KD[1]) - 0.5 * centre_KD[2]
        values_ND[material_N == 2] += between_D.astype(np.float32)
        return values_ND[: grid.chips]


def slope(low: float, high: float, shape: tuple[int, int] = SHAPE) -> Float32:
    return np.linspace(low, high, shape[0] * shape[1], dtype=np.float32).reshape(shape)


def ids(segmentation: Segmentation) -> list[int]:
    return [identity.id for identity in segmentation.identified.identities]


def survey(segmentation: Segmentation) -> tuple[float, float | None]:
    return segmentation.graph.resolution, segmentation.graph.stability


def window(segmentation: Segmentation) -> tuple[float, float]:
    return segmentation.image.low, segmentation.image.high


def test_a_border_between_two_materials_gets_no_id_unless_it_shall() -> None:
    strip_RC = halves(0, 1).reshape(SIDE, SIDE)
    strip_RC[:, SIDE // 2 : SIDE // 2 + 2] = 2  # so narrow that each of its chips touches both
    bench = Bench("graph.resolution=1.0", embedder=RimEmbedder())
    assert bench.see(strip_RC.ravel()).graph.communities == 2
    kept = load_settings(sets=[*SETS, "graph.resolution=1.0", "communities.borders=keep"])
    bench.pipeline.apply(kept.settings, config_hash="kept")
    assert bench.see(strip_RC.ravel()).graph.communities == 3


@pytest.mark.parametrize(("scope", "expected"), [("series", [1, 2]), ("session", [3, 4])])
def test_ids_begin_anew_with_a_series_or_live_as_long_as_the_service(
    scope: str, expected: list[int]
) -> None:
    bench = Bench(f"identity.scope={scope}")
    assert ids(bench.see(halves(0, 1))) == [1, 2]
    assert ids(bench.see(halves(0, 1))) == [1, 2]
    assert ids(bench.see(halves(2, 3), series="b")) == expected
    assert ids(bench.see(halves(2, 3), series="b")) == expected


def test_a_material_of_an_earlier_series_has_its_id_again_in_a_session() -> None:
    bench = Bench("identity.scope=session")
    bench.see(halves(0, 1))
    bench.see(halves(2, 3), series="b")
    again = bench.see(halves(1, 0), series="c")
    assert ids(again) == [1, 2]
    assert again.identified.ids_N[0] == 2


@pytest.mark.parametrize("scope", ["series", "session"])
def test_the_first_frame_of_every_series_is_surveyed(scope: str) -> None:
    alone = Bench(UNJOINED).see(halves(0, 1), seed=9)
    bench, carried = (Bench(UNJOINED, f"identity.scope={scope}") for _ in range(2))
    for one in (bench, carried):
        one.see(halves(0, 0))
    assert survey(carried.see(halves(0, 1), seed=9)) != survey(alone)
    assert survey(bench.see(halves(0, 1), series="b", seed=9)) == survey(alone)


def test_contrast_is_held_within_a_series_and_found_anew_in_the_next() -> None:
    bench = Bench("preprocess.contrast=series")
    first = window(bench.see(image_YX=slope(0, 100)))
    assert window(bench.see(image_YX=slope(500, 900))) == first
    assert window(bench.see(image_YX=slope(500, 900), series="b"))[0] > first[1]


def test_a_series_that_comes_again_after_another_is_held_to_nothing_old() -> None:
    bench = Bench("preprocess.contrast=series")
    first = window(bench.see(image_YX=slope(0, 100)))
    bench.see(image_YX=np.full(SHAPE, 7.0, np.float32), series="b")
    assert window(bench.see(image_YX=slope(500, 900)))[0] > first[1]


def test_reset_forgets_identities_and_names() -> None:
    bench = Bench("identity.scope=session")
    bench.see(halves(0, 1))
    assert bench.pipeline.tracker.set_name(1, "amorphous")
    bench.pipeline.reset()
    again = bench.see(halves(2, 3))
    assert ids(again) == [1, 2]
    assert [identity.name for identity in again.identified.identities] == [None, None]


def reference_distances(segmentation: Segmentation) -> dict[int, float | None]:
    return {
        one.identity.id: one.descriptors["reference_distance"] for one in segmentation.communities
    }


def test_distances_are_to_the_reference_that_was_kept_and_reset_forgets_it() -> None:
    bench = Bench()
    with pytest.raises(ConfigError, match="No frame was segmented yet"):
        bench.pipeline.memory.keep_reference()
    assert reference_distances(bench.see(halves(0, 1))) == {1: None, 2: None}
    assert bench.pipeline.memory.keep_reference() == (1, 2)
    same = reference_distances(bench.see(halves(0, 1)))
    assert all(far is not None and far < 0.2 for far in same.values())
    for _ in range(3):
        other = reference_distances(bench.see(halves(0, 2)))
    assert other[1] is not None
    assert other[3] is not None
    assert other[1] < 0.2
    assert other[3] > 1.0
    bench.pipeline.reset()
    with pytest.raises(ConfigError, match="No frame was segmented yet"):
        bench.pipeline.memory.keep_reference()
    assert set(reference_distances(bench.see(halves(0, 1))).values()) == {None}


def test_a_reference_outlives_the_process_as_plain_numbers() -> None:
    before, after = Bench(), Bench()
    assert before.pipeline.memory.reference_state() is None
    before.see(halves(0, 1))
    before.pipeline.memory.keep_reference()
    state = before.pipeline.memory.reference_state()
    assert state is not None
    after.pipeline.memory.restore_reference(msgpack.unpackb(msgpack.packb(state)))
    expected, found = (one.see(halves(1, 0), seed=9) for one in (before, after))
    assert found.identified.ids_N[0] == 1
    assert expected.identified.ids_N[0] == 2
    assert sorted(reference_distances(found).values()) == pytest.approx(
        sorted(reference_distances(expected).values())
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": "another 00ff"}, "of encoder 'another 00ff'"),
        ({"version": 2}, "version"),
        ({"means": [[1.0], [2.0, 3.0]]}, "damaged"),
        ({"chips": None}, "damaged"),
        ({"ids": []}, "damaged"),
        ({"variance": ["much", "more"]}, "damaged"),
    ],
)
def test_what_is_no_reference_state_is_refused_and_changes_nothing(
    changes: dict[str, Any], words: str
) -> None:
    bench = Bench()
    bench.see(halves(0, 1))
    bench.pipeline.memory.keep_reference()
    state = bench.pipeline.memory.reference_state()
    assert state is not None
    with pytest.raises(ConfigError, match=words):
        bench.pipeline.memory.restore_reference({**state, **changes})
    assert bench.pipeline.memory.reference_state() == state


def test_a_state_of_another_number_of_features_is_forgotten_and_costs_no_frame(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.see(halves(0, 1))
    bench.pipeline.memory.keep_reference()
    state = bench.pipeline.memory.reference_state()
    assert state is not None
    bench.pipeline.memory.restore_reference(
        {**state, "means": [row[:-1] for row in state["means"]]}
    )
    for _ in range(2):
        assert set(reference_distances(bench.see(halves(0, 1))).values()) == {None}
    assert caplog.text.count("another number of features") == 1


@pytest.mark.parametrize("scope", ["series", "session"])
def test_the_reference_outlives_its_series(scope: str) -> None:
    bench = Bench(f"identity.scope={scope}")
    bench.see(halves(0, 1))
    bench.pipeline.memory.keep_reference()
    again = reference_distances(bench.see(halves(1, 0), series="b"))
    assert all(far is not None and far < 0.2 for far in again.values())


def test_descriptors_turned_off_leave_no_keys_and_the_same_label_maps() -> None:
    with_, without = Bench(), Bench("descriptors.enabled=false")
    for _ in range(3):
        there, here = (one.see(halves(0, 1)) for one in (with_, without))
        np.testing.assert_array_equal(there.label_map.labels_YX, here.label_map.labels_YX)
        np.testing.assert_array_equal(there.label_map.confidence_YX, here.label_map.confidence_YX)
        np.testing.assert_array_equal(there.identified.ids_N, here.identified.ids_N)
        assert all(one.descriptors for one in there.communities)
        assert not any(one.descriptors for one in here.communities)
        assert here.fronts == ()


def test_descriptors_can_be_turned_off_and_on_while_frames_come() -> None:
    bench = Bench()
    described = [bool(bench.see(halves(0, 1)).communities[0].descriptors)]
    for switch in ("false", "true"):
        changed = load_settings(sets=[*SETS, f"descriptors.enabled={switch}"])
        bench.pipeline.apply(changed.settings, config_hash=switch)
        described.append(bool(bench.see(halves(0, 1)).communities[0].descriptors))
    assert described == [True, False, True]


def test_reset_forgets_the_resolution() -> None:
    alone = Bench(UNJOINED).see(halves(0, 1), seed=9)
    bench = Bench(UNJOINED)
    bench.see(halves(0, 0))
    bench.pipeline.reset()
    assert survey(bench.see(halves(0, 1), seed=9)) == survey(alone)


def test_reset_forgets_the_held_contrast() -> None:
    bench = Bench("preprocess.contrast=series")
    first = window(bench.see(image_YX=slope(0, 100)))
    bench.pipeline.reset()
    assert window(bench.see(image_YX=slope(500, 900)))[0] > first[1]


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_a_blank_frame_is_one_community_whatever_the_encoder_makes_of_it(value: float) -> None:
    bench = Bench()
    blank = bench.see(halves(0, 1), image_YX=np.full(SHAPE, value, np.float32))
    assert blank.image.flat
    assert [one.fraction for one in blank.communities] == [1.0]
    assert (blank.graph.communities, blank.graph.stability) == (1, None)
    assert ids(Bench().see(halves(0, 1))) == [1, 2]


def test_a_blank_frame_teaches_nothing_of_the_resolution() -> None:
    alone = Bench(UNJOINED).see(halves(0, 1), seed=9)
    bench = Bench(UNJOINED)
    blank = bench.see(halves(0, 0), image_YX=np.zeros(SHAPE, np.float32))
    assert blank.graph.resolution == LADDER[0]
    assert survey(bench.see(halves(0, 1), seed=9)) == survey(alone)


def test_a_shape_is_planned_once_while_it_is_among_the_last_few() -> None:
    bench = Bench()
    shapes = [(64, 64 + 16 * number) for number in range(PLANNED_SHAPES)]
    bench.pipeline.plan(shapes[0])
    seen = [
        bench.see(image_YX=slope(0, 1, shape)).replanned
        for shape in (*shapes, *shapes, (96, 96), shapes[0])
    ]
    expected = [False, *[True] * (PLANNED_SHAPES - 1), *[False] * PLANNED_SHAPES, True, True]
    assert seen == expected
    assert bench.embedder.planned == [*shapes, (96, 96), shapes[0]]
    assert bench.pipeline.replans == len(bench.embedder.planned)


def test_changed_settings_are_felt_by_the_next_frame_and_named_in_its_result() -> None:
    bench = Bench()
    before = bench.see(halves(0, 1))
    assert before.graph.stability is not None
    changed = load_settings(sets=[*SETS, "graph.resolution=0.4", "communities.min_chips=200"])
    bench.pipeline.apply(changed.settings, config_hash="changed")
    after = bench.see(halves(0, 1))
    assert survey(after) == (0.4, None)
    assert after.graph.communities == 1
    assert before.provenance.config != "changed"
    assert after.provenance.config == "changed"


def test_a_frame_that_cannot_be_used_costs_nothing_that_was_learnt(tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.zeros(SHAPE, np.float32))
    bench = Bench(f"preprocess.dark={tmp_path / 'dark.npy'}")
    bench.see(halves(0, 1))
    with pytest.raises(DropError) as dropped:
        bench.see(image_YX=slope(0, 1, (64, 64)))
    assert dropped.value.reason is DropReason.BAD_SHAPE
    again = bench.see(halves(1, 0))
    assert (again.identified.ids_N[0], again.identified.appeared) == (2, ())
