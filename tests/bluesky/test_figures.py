import math

import numpy as np
import pytest

from contract_messages import community, packed, result
from scopeside.bluesky.figures import Wanted, fraction_key
from scopeside.client import Result
from scopeside.errors import ConfigError

LABELS = np.repeat([[1, 1, 1, 2, 2, 2, 2, 2]], 6, axis=0)
FRONT = {
    "between": [1, 2],
    "position_px": 2.5,
    "position_m": None,
    "speed_px_per_s": 1.5,
    "speed_m_per_s": None,
    "speed_px_per_frame": 3.0,
    "roughness_px": 0.25,
    "length_px": 6.0,
    "normal": [0.0, 1.0],
}


def taken(**changes):
    entries = [community(1, name="film", fraction=0.375), community(2, fraction=0.625)]
    return Result.from_bytes(packed(result(4, labels=LABELS, communities=entries, **changes)))


def test_fractions_fronts_and_targets_are_told():
    wanted = Wanted(communities=("film", 2, "void"), front=(2, "film"), visit=2, count=2)
    told = wanted.of(taken(fronts=[FRONT], pixel_to_stage=[[1, 0, 0], [0, 1, 0]]))
    assert (told["frame"], told["fraction_film"], told["fraction_2"]) == (4, 0.375, 0.625)
    assert told["fraction_void"] == 0.0
    assert (told["front_position_px"], told["front_roughness_px"]) == (2.5, 0.25)
    assert math.isnan(told["front_position_m"])
    assert told["targets_m"].tolist() == told["targets_px"][:, ::-1].tolist()
    assert all(LABELS[int(y), int(x)] == 2 for y, x in told["targets_px"])


def test_what_is_told_has_the_shapes_that_were_said_before_the_first_frame():
    for wanted in (Wanted(), Wanted(communities=(1, 2), front=(1, 9), visit="void", count=3)):
        told = wanted.of(taken())
        assert tuple(told) == wanted.keys
        for key, shape, dtype in wanted.shapes():
            assert np.shape(told[key]) == shape
            assert np.asarray(told[key]).dtype.kind in {"<i8": "i", "<f8": "fi"}[dtype]


def test_what_is_not_in_the_frame_is_nan():
    told = Wanted(front=(1, 2), visit="void").of(taken())
    assert math.isnan(told["front_position_px"])
    assert np.isnan(told["targets_px"]).all()


def test_of_several_fronts_between_two_names_the_longest_is_told():
    fronts = [FRONT | {"length_px": length, "position_px": length} for length in (3.0, 9.0, 5.0)]
    assert Wanted(front=("film", 2)).of(taken(fronts=fronts))["front_position_px"] == 9.0


def test_keys_hold_letters_and_digits_only_and_must_differ():
    assert fraction_key("phase II (cubic)") == "fraction_phase_II_cubic_"
    with pytest.raises(ConfigError, match="fraction_a_b"):
        Wanted(communities=("a b", "a-b"))
