"""When and where frames were taken, in the units of the wire contract."""

import math

import numpy as np
import pytest
import tifffile

from live import real
from scopeside.io import open_frames
from scopeside.io.acquired import acquired_of


def data_set(*, tags=None, metadata=None):
    return {"original_metadata": tags or {}, "metadata": metadata or {}}


@pytest.mark.parametrize(
    ("tags", "stage"),
    [
        (
            {"ImageList": {"T0": {"Stage Position": {"Stage X": 250.0, "Stage Alpha": 90.0}}}},
            {"x_m": 250e-6, "alpha_rad": math.pi / 2},
        ),
        (
            {"Stage": {"Position": {"x": "1.5e-06", "z": "-2e-07"}, "AlphaTilt": "0.25"}},
            {"x_m": 1.5e-6, "z_m": -2e-7, "alpha_rad": 0.25},
        ),
        (
            {"ObjectInfo": {"ExperimentalDescription": {"Stage Y_um": 3.0, "Stage B_deg": 180.0}}},
            {"y_m": 3e-6, "beta_rad": math.pi},
        ),
        (
            {"fei_header": {"x_stage": 1e-5, "a_tilt": 45.0}},
            {"x_m": 1e-5, "alpha_rad": math.pi / 4},
        ),
        ({"fei_metadata": {"Stage": {"StageY": -2e-4}}}, {"y_m": -2e-4}),
        ({"Stage": {"Position": {"x": "nowhere", "y": 7000.0, "z": float("nan")}}}, {}),
    ],
)
def test_each_makers_stage_in_metres_and_radians(tags, stage):
    assert acquired_of(data_set(tags=tags), []).stage == pytest.approx(stage)


def test_hyperspys_own_files_count_in_millimetres_and_degrees():
    metadata = {"Acquisition_instrument": {"TEM": {"Stage": {"x": 0.25, "tilt_beta": 90.0}}}}
    found = acquired_of(data_set(metadata=metadata), [])
    assert found.stage == pytest.approx({"x_m": 0.25e-3, "beta_rad": math.pi / 2})


@pytest.mark.parametrize(
    ("axis", "period_s"),
    [
        ({"units": "s", "scale": 0.8}, 0.8),
        ({"units": "ms", "scale": 40}, 0.04),
        ({"units": "min", "scale": 2.0}, 120.0),
        ({"units": "nm", "scale": 1.0}, None),
        ({"units": None, "scale": 1.0}, None),
        ({"units": "s", "scale": 0.0}, None),
    ],
)
def test_an_axis_of_time_gives_the_pace(axis, period_s):
    found = acquired_of(data_set(), [axis])
    assert found.period_s == (pytest.approx(period_s) if period_s else None)
    times_s = found.times_s(3)
    assert times_s == (pytest.approx((0.0, period_s, 2 * period_s)) if period_s else None)


def test_an_axis_of_degrees_is_the_tilt_of_each_frame():
    found = acquired_of(data_set(), [{"units": "deg", "scale": 2.0, "offset": -60.0}])
    assert found.stage_at(0) == pytest.approx({"alpha_rad": math.radians(-60)})
    assert found.stage_at(30) == pytest.approx({"alpha_rad": 0.0})


@pytest.mark.parametrize(
    ("general", "began"),
    [
        (
            {"date": "2021-05-07", "time": "16:51:10.905800928", "time_zone": "UTC"},
            "2021-05-07T16:51:10.905800+00:00",
        ),
        ({"date": "2016-02-22", "time": "18:18:34"}, "2016-02-22T18:18:34"),
        ({"date": "2016-02-22"}, None),
        ({}, None),
    ],
)
def test_date_and_time_with_their_zone_where_it_is_known(general, began):
    assert acquired_of(data_set(metadata={"General": general}), []).began == began


def test_a_real_stack_in_time_knows_when_each_frame_was_taken():
    assert open_frames(real("formats/tif/dm_stack.tif")).times_s == pytest.approx((0.0, 2.5))


def test_a_folder_of_stacks_has_no_common_clock(tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((2, 8, 8), "<u2"))
    file = open_frames(tmp_path)
    assert file.times_s is None
    assert file.stage_at(3) is None


def test_a_real_velox_stack_has_time_and_stage():
    file = open_frames(real("formats/emd/velox_tem_stack_2x3x3.emd"))
    assert file.times_s == pytest.approx((0.0, 0.8))
    assert file.began == "2019-12-05T10:03:44+00:00"
    assert file.stage_at(1) == pytest.approx(
        {
            "x_m": 12.24e-6,
            "y_m": -12.96e-6,
            "z_m": -18.97e-6,
            "alpha_rad": -0.2197,
            "beta_rad": -0.03504,
        },
        rel=1e-3,
    )


def test_a_real_tilt_series_turns_frame_by_frame():
    file = open_frames(real("streams/haadf_tilt_series/HAADF.dm3"))
    tilts_deg = [math.degrees(file.stage_at(index)["alpha_rad"]) for index in (0, 1, 90)]
    assert tilts_deg == pytest.approx([-90.0, -88.0, 90.0])
    assert file.stage_at(0)["x_m"] == pytest.approx(-487.968e-6)
