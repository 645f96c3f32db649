"""What looking costs is judged on all frames of a condition, in pairs of rounds."""

import numpy as np
import pytest

from paired_rounds import frames_beyond, in_order, ratio_of_percentiles
from viewers import LOADS, ROUNDS, SECONDS, Turns, row


def rounds(seed, *, scale=1.0, count=16, frames=80):
    rng = np.random.default_rng(seed)
    moods = 1.0 + 0.2 * np.random.default_rng(0).random(count)  # of the machine: both share them
    return [list(scale * mood * rng.gamma(40.0, 1.0, frames)) for mood in moods]


def test_a_ratio_and_its_interval_tell_ten_per_cent_from_none():
    alone = rounds(1)
    none = ratio_of_percentiles(alone, rounds(2), 99.0)
    assert none.low < 1.0 < none.high
    more = ratio_of_percentiles(alone, rounds(2, scale=1.2), 99.0)
    assert more.value == pytest.approx(1.2 * none.value)
    assert more.low > 1.1


def test_one_hiccup_of_the_machine_widens_the_interval_and_does_not_decide():
    alone, watched = rounds(1), rounds(2)
    calm = ratio_of_percentiles(alone, watched, 99.0)
    watched[3][:20] = [500.0] * 20
    struck = ratio_of_percentiles(alone, watched, 99.0)
    assert struck.high > 2 * calm.high
    assert struck.low < 1.1


def test_rounds_without_a_pair_are_refused():
    with pytest.raises(ValueError, match="no pair"):
        ratio_of_percentiles(rounds(1), rounds(2)[:-1], 99.0)


def test_each_condition_comes_first_in_half_of_the_rounds():
    first = [in_order(number)[0] for number in range(ROUNDS)]
    assert first.count(True) == first.count(False)
    assert all(set(in_order(number)) == {False, True} for number in range(ROUNDS))


def test_a_row_is_judged_on_all_frames_and_says_what_looking_takes():
    alone = Turns(took_s=rounds(1), serve_cores=[0.5, 0.6], web_cores=[0.0, 0.0])
    watched = Turns(took_s=rounds(2), serve_cores=[0.51, 0.62], web_cores=[0.02, 0.04])
    made = row(LOADS[0], 84.0, alone, watched, 40.0)
    assert made["frames_each"] == 16 * 80
    assert made["beyond_p99"] >= 10
    assert made["p99_ratio_low"] <= made["p99_ratio"] <= made["p99_ratio_high"]
    assert made["serve_more_cores"]["median"] == pytest.approx(0.015)
    assert (made["web_process_cores"], made["pictures_a_viewer_per_s"]) == (0.03, 8.0)


def test_the_slower_load_has_ten_frames_beyond_its_p99():
    slowest_hz = 8.4  # 512 x 512 in shared mode at half the rate, on two cores of 2026
    assert frames_beyond([list(range(int(ROUNDS * SECONDS * slowest_hz)))], 99.0) >= 10
