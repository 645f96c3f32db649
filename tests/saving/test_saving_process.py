"""The saving process behind the tap: a full disk and missing packages cost the run alone."""

import os
import time

import numpy as np
import pytest

from recorded import file_size_limit
from saved import saved_message
from scopeside.errors import MissingExtraError, OutputError
from scopeside.recording.tap import Tap
from scopeside.saving.reader import open_run
from scopeside.saving.spec import PROGRAM, SAVING, SaveSpec

SOON_S = 30.0


def spec(path):
    return SaveSpec(path=path, source="x")


def offer(tap, message):
    return tap.offer(message.parts, at_ns=message.wall_ns, at_s=message.monotonic_ns / 1e9)


def noise(n):
    return np.random.default_rng(n).integers(0, 65536, (120, 200)).astype("<u2")


def test_a_full_disk_ends_the_run_in_one_sentence_and_whoever_feeds_it_goes_on(tmp_path):
    told = []
    small = np.ones((120, 200), "<u2")
    with file_size_limit(30_000):  # a chunk of noise takes 48 kB
        tap = Tap(
            spec(tmp_path / "run.zarr"),
            report=lambda code, sentence: told.append((code, sentence)),
            program=PROGRAM,
            wording=SAVING,
        )
    assert offer(tap, saved_message(0, labels=small, image=small))
    assert offer(tap, saved_message(1, labels=small, image=noise(1)))
    until_s = time.monotonic() + SOON_S
    while tap.error is None:
        assert time.monotonic() < until_s
        tap.look()
        time.sleep(0.01)
    assert not offer(tap, saved_message(2, labels=small))
    statistics = tap.close()
    assert (statistics.offered, statistics.recorded, statistics.dropped) == (3, 1, 2)
    (failed,) = [sentence for code, sentence in told if code == "save_failed"]
    assert "run.zarr is full" in failed
    run = open_run(tmp_path / "run.zarr")
    assert "not closed: The disk of " in run.end
    assert "is full" in run.end
    (image,) = run.images
    assert image.length == 1
    # Of the frame for which there was no room nothing takes any.
    assert not [one for one in (image.path / "0/1").rglob("*") if one.is_file()]
    np.testing.assert_array_equal(image.image_YX(0), small)


def test_a_run_that_cannot_begin_says_so_at_once(tmp_path):
    with pytest.raises(OutputError, match="in one that exists"):
        Tap(spec(tmp_path / "absent/run.zarr"), program=PROGRAM, wording=SAVING)


def test_without_zarr_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "zarr.py").write_text("raise ModuleNotFoundError(name='zarr')")
    path = os.pathsep.join(
        [str(tmp_path / "hidden"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    monkeypatch.setenv("PYTHONPATH", path)
    with pytest.raises(MissingExtraError, match=r"scopeside\[save\]"):
        Tap(spec(tmp_path / "run.zarr"), program=PROGRAM, wording=SAVING)
