from types import SimpleNamespace

import numpy as np
import pytest

from scopeside.bench import side_by_side
from scopeside.bench.side_by_side import BATCHED, LOOP, SideBySide, as_report, measure, ours
from scopeside.configuration import load_settings
from scopeside.errors import ConfigError
from scopeside.testing.specimen import IrradiatedFilm

PARTS = ("embed", "graph", "rest")


def parts(total_s):
    return {"embed": 0.5 * total_s, "graph": 0.25 * total_s, "rest": 0.25 * total_s}


FOUND = SideBySide(
    shape=(64, 64),
    chips=9,
    spent={
        ours("chips", "fp32"): [parts(1.0), parts(2.0)],
        LOOP: [parts(10.0), parts(12.0)],
        BATCHED: [parts(4.0), parts(4.0)],
    },
)


def test_a_ratio_is_of_the_same_round():
    assert FOUND.ours == ["Scopeside, chips mode, fp32"]
    assert FOUND.times_as_fast(FOUND.ours[0], LOOP) == [10.0, 6.0]
    assert FOUND.times_as_fast(FOUND.ours[0], BATCHED) == [4.0, 2.0]


def test_the_report_has_every_method_and_every_ratio():
    made = as_report(FOUND)
    assert made["methods"][LOOP]["total_s"]["each"] == [10.0, 12.0]
    assert made["methods"][LOOP]["embed_s"]["median"] == 5.5
    assert made["times_as_fast"][ours("chips", "fp32")][LOOP]["median"] == 8.0


def test_without_an_encoder_nothing_is_compared():
    with pytest.raises(ConfigError, match="encoder"):
        side_by_side.side_by_side(load_settings(sets=["embed.backend=null"]), [], rounds=1)


def test_both_modes_and_both_loops_segment_the_same_chips():
    """With a chip that the encoder sees enlarged, as `chips.input_px` may say."""
    film = IrradiatedFilm(shape=(64, 96))
    images = [film.expose(dose).counts_YX for dose in np.array([0.4, 0.6]) * 1e25]
    sets = ["chips.size_px=32", "chips.input_px=40", "embed.backend=torch", "embed.precision=fp32"]
    found = measure(load_settings(sets=sets), images, rounds=1)
    assert found.chips == 15
    assert list(found.spent) == [ours("chips", "fp32"), ours("shared", "fp32"), LOOP, BATCHED]
    for turns in found.spent.values():
        (turn,) = turns
        assert set(turn) == set(PARTS)
        assert all(seconds > 0 for seconds in turn.values())


def test_the_pipeline_runs_in_the_precision_of_the_loops_too(monkeypatch):
    seen = []

    def noting(configuration, grid):
        embed = configuration.settings.embed
        seen.append((embed.mode, embed.precision))
        return lambda _image_YX, _number: parts(1.0)

    def chosen(settings):
        return SimpleNamespace(precision="bf16", device="cpu")

    monkeypatch.setattr(side_by_side, "_ours", noting)
    monkeypatch.setattr(side_by_side, "choose", chosen)
    images = [np.zeros((64, 96), "<u2") + np.arange(96, dtype="<u2") for _ in range(2)]
    sets = ["chips.size_px=32", "embed.backend=torch", "embed.weights=seeded"]
    found = measure(load_settings(sets=sets), images, rounds=1)
    assert seen == [("chips", "bf16"), ("shared", "bf16"), ("chips", "fp32"), ("shared", "fp32")]
    assert found.ours == [ours(mode, precision) for mode, precision in seen]
    assert (LOOP, BATCHED) == ("loop, one call a chip, fp32", "loop, batches of 32, fp32")
