"""How the loops' runs become tables and aims."""

import pytest

import loops
from harness import Report


def followed(way, seed, in_view):
    return {"way": way, "seed": seed, "in_view": in_view, "error_nm": 2.0}


def test_each_way_is_summed_up_over_its_specimens():
    rows = [followed("loop", 0, 1.0), followed("loop", 1, 0.9), followed("fixed position", 0, 0.2)]

    assert loops.summary(rows) == [
        {"way": "loop", "specimens": 2, "mean in_view": 0.95, "mean error_nm": 2.0},
        {"way": "fixed position", "specimens": 1, "mean in_view": 0.2, "mean error_nm": 2.0},
    ]


@pytest.mark.parametrize(
    ("loop", "rows", "met"),
    [
        ("follow", [{"in_view": 0.9}, {"in_view": 1.0}], [True]),
        ("follow", [{"in_view": 0.8}, {"in_view": 1.0}], [False]),
        (
            "survey",
            [{"kinds": 5, "kinds_reached": 5, "dose_over_raster": share} for share in (0.1, 0.2)],
            [True, True],
        ),
        (
            "survey",
            [
                {"kinds": 5, "kinds_reached": 4, "dose_over_raster": 0.1},
                {"kinds": 5, "kinds_reached": 5, "dose_over_raster": 0.3},
            ],
            [False, False],
        ),
        ("stop", [{"off_target": off} for off in (0.0, -0.03, 0.02)], [True]),
        ("stop", [{"off_target": off} for off in (0.0, -0.04, 0.02)], [False]),
    ],
)
def test_an_aim_is_met_by_what_was_measured(loop, rows, met):
    report = Report(name="loops", question="?", how="by hand")
    loops.AIMS[loop](report, rows)

    assert [aim.met for aim in report.aims] == met


def test_what_was_measured_in_real_time_says_so():
    report = Report(name="loops", question="?", how="by hand")
    loops.AIMS["follow"](report, [{"in_view": 1.0}], ", in real time")

    assert [aim.what for aim in report.aims] == [
        "Front kept in view, share of frames, in real time"
    ]


def test_the_loops_are_calibrated_on_other_specimens_than_they_are_measured_on():
    assert not set(loops.CALIBRATION_SEEDS) & set(range(300, 310))
