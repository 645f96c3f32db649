"""The gateway as a process of its own, asked over HTTP by the standard library alone."""

import base64
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest

from contract_messages import array, community, result
from doc_snippets import ROOT
from fake_service import served
from live import ANSWER_S, ipc_endpoints

pytestmark = pytest.mark.e2e

LABELS = np.array([[1, 1, 1, 2], [1, 1, 1, 2], [0, 2, 2, 2]], "<u2")
CONFIDENCE = np.array([[255, 255, 80, 255], [255, 100, 255, 255], [9, 255, 255, 255]], np.uint8)


def message(frame):
    entries = [community(1, name="film", fraction=0.5, area_px=6), community(2, area_px=5)]
    return result(
        frame,
        series="s",
        labels=LABELS,
        confidence=array(CONFIDENCE),
        communities=entries,
        pixel_to_stage=[[2.0, 0.0, 0.0], [0.0, 3.0, 1.0]],
    )


@contextmanager
def gateway(at):
    process = subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "examples/gateway.py"), "--port", "0"),
            *("--results", at.results, "--control", at.control),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(ANSWER_S)
        process.stdout.close()


def get(address, path):
    try:
        with urllib.request.urlopen(address + path, timeout=ANSWER_S) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    return ipc_endpoints(tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="module")
def service(at):
    with served(at) as service:
        yield service


@pytest.fixture(scope="module")
def address(at, service):
    with gateway(at) as address:
        service.joined()
        service.publish(message(7))
        until_s = time.monotonic() + ANSWER_S
        while get(address, "/")[1]["frame"] != 7:
            assert time.monotonic() < until_s
        yield address


def test_it_listens_on_this_machine_alone(address):
    assert address.startswith("http://127.0.0.1:")


def test_the_state_says_what_is_in_the_newest_frame(address):
    status, body = get(address, "/")
    assert status == 200
    assert (body["series"], body["frame"], body["shape"]) == ("s", 7, [3, 4])
    assert body["communities"][0] == {"id": 1, "name": "film", "fraction": 0.5, "area_px": 6}


def test_points_are_in_pixels_and_on_the_stage(address):
    status, body = get(
        address, "/points?community=film&count=2&one_per_region=false&min_distance_px=1"
    )
    assert (status, body["frame"]) == (200, 7)
    first, second = body["points"]
    assert first != second
    for point in body["points"]:
        y, x = int(point["y_px"]), int(point["x_px"])
        assert LABELS[y, x] == point["community"] == 1
        assert point["stage_m"] == [2.0 * x, 3.0 * y + 1.0]


def test_a_mask_is_rows_to_scan_or_bits(address):
    expected = LABELS == 2
    _, rows = get(address, "/mask?community=2")
    assert rows["mask"] == [[0, 3, 1], [1, 3, 1], [2, 1, 3]]
    assert rows["pixels"] == expected.sum()
    drawn = np.zeros((3, 4), bool)
    for row, first, length in rows["mask"]:
        drawn[row, first : first + length] = True
    assert np.array_equal(drawn, expected)
    _, bits = get(address, "/mask?community=2&encoding=bits")
    unpacked = np.unpackbits(np.frombuffer(base64.b64decode(bits["mask"]), np.uint8), count=12)
    assert np.array_equal(unpacked.reshape(3, 4), expected)


def test_a_mask_is_of_pixels_that_are_not_sure(address):
    _, unsure = get(address, "/mask?confidence_below=0.5")
    assert unsure["mask"] == [[0, 2, 1], [1, 1, 1], [2, 0, 1]]
    _, of_film = get(address, "/mask?confidence_below=0.5&community=film")
    assert of_film["mask"] == [[0, 2, 1], [1, 1, 1]]


def test_what_is_not_in_the_frame_has_no_points_and_an_empty_mask(address):
    assert get(address, "/points?community=void")[1]["points"] == []
    assert get(address, "/mask?community=99")[1]["mask"] == []


@pytest.mark.parametrize(
    ("path", "code", "sentence"),
    [
        ("/points", 400, "Say which community"),
        ("/points?community=1&count=many", 400, "count is a number"),
        ("/points?community=1&strategy=best", 400, "best"),
        ("/points?community=1&colour=red", 400, "colour"),
        ("/mask", 400, "confidence_below"),
        ("/mask?community=1&encoding=png", 400, "rows, bits"),
        ("/mask?confidence_below=nan", 400, "between 0 and 1"),
        ("/mask?community=1&confidence_below=50", 400, "between 0 and 1"),
        ("/points?community=1&one_per_region=yes", 400, "true or false"),
        ("/pionts", 404, "/points"),
        ("/points?community=1&after=99&wait_s=0", 503, "after frame 99"),
    ],
)
def test_what_it_cannot_answer_is_said_in_a_sentence(address, path, code, sentence):
    status, body = get(address, path)
    assert status == code
    assert sentence in body["error"]


def test_a_request_waits_for_a_newer_frame(address, service):
    frame = get(address, "/")[1]["frame"]
    service.publish(message(frame + 1))
    status, body = get(address, f"/points?community=film&after={frame}")
    assert (status, body["frame"]) == (200, frame + 1)


def test_a_frame_of_another_series_is_newer_whatever_its_number(address):
    assert get(address, "/points?community=film&after=99&series=before&wait_s=0")[0] == 200
    assert get(address, "/points?community=film&after=99&series=s&wait_s=0")[0] == 503


def test_an_answer_of_an_old_frame_says_that_none_came_since(address, service):
    frame = get(address, "/")[1]["frame"]
    service.publish(message(frame + 1))
    assert get(address, f"/points?community=film&after={frame}")[1]["problem"] is None
    until_s = time.monotonic() + ANSWER_S
    while (body := get(address, "/points?community=film")[1])["problem"] is None:
        assert time.monotonic() < until_s
        time.sleep(0.1)
    assert (body["frame"], len(body["points"])) == (frame + 1, 1)


def test_without_a_service_it_says_so(tmp_path):
    with gateway(ipc_endpoints(tmp_path)) as address:
        until_s = time.monotonic() + ANSWER_S
        while "scopeside serve" not in (body := get(address, "/points?community=1")[1])["error"]:
            assert time.monotonic() < until_s, body
            time.sleep(0.1)
        assert get(address, "/")[1]["problem"]
