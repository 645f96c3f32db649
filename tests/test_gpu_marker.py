"""Tests that need a card are skipped where there is none, and fail where they were asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from card_items import OWN_WARNINGS_FAIL, TIME, absent, relax

ROOT = Path(__file__).parents[1]
ONE = "tests/stages/embed/test_on_gpu.py::test_bytes_that_are_no_engine_are_refused"


@pytest.mark.parametrize(
    ("words", "code", "outcome"), [([], 0, "SKIPPED"), (["-m", "gpu"], 1, "ERROR")]
)
def test_without_a_card_they_are_skipped_unless_they_were_asked_for(words, code, outcome):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", ONE, "-q", "-rsEf", "-p", "no:cacheprovider", *words],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith(outcome)]
    assert "needs an NVIDIA GPU that torch can use" in done.stdout


def warn_in(module):
    warnings.warn_explicit("old", DeprecationWarning, "some.py", 1, module=module, registry={})


@OWN_WARNINGS_FAIL
def test_in_a_test_of_a_card_warnings_of_others_are_printed_and_ours_fail():
    with warnings.catch_warnings(record=True) as said:
        warn_in("cupy.cuda.stream")
    assert len(said) == 1
    for module in ("scopeside.device.plan", "scopeside_kernels.paint"):
        with pytest.raises(DeprecationWarning):
            warn_in(module)


class Item:
    def __init__(self, *markers):
        self.markers = list(markers)

    def get_closest_marker(self, name):
        return next((mark for mark in self.markers if mark.name == name), None)

    def add_marker(self, marker):
        self.markers.append(marker)


def test_only_tests_of_a_card_are_lenient_about_warnings_and_have_time_to_compile():
    card, slow, other = (
        Item(pytest.mark.gpu),
        Item(pytest.mark.gpu, pytest.mark.timeout(900)),
        Item(pytest.mark.e2e),
    )
    relax([card, slow, other])
    assert card.markers[1:] == [OWN_WARNINGS_FAIL, TIME]
    assert slow.markers[1:] == [pytest.mark.timeout(900), OWN_WARNINGS_FAIL]
    assert other.markers == [pytest.mark.e2e]


@pytest.mark.parametrize(
    ("environ", "outcome"),
    [
        ({}, pytest.fail.Exception),
        ({"GPU_EXTRA": "gpu"}, pytest.fail.Exception),
        ({"GPU_EXTRA": "rtx"}, pytest.skip.Exception),
        ({"GPU_EXTRA": "none"}, pytest.skip.Exception),
    ],
)
def test_what_the_installed_extra_does_not_bring_is_skipped_and_never_what_it_brings(
    environ, outcome
):
    with pytest.raises(outcome, match="cuGraph not installed"):
        absent("cuGraph not installed", "gpu", environ=environ)
