"""`scopeside simulate` as a receiver sees it."""

import json
import signal
import threading
from collections import Counter

import numpy as np
import pytest
import zmq

from receiving import SOON_MS, interrupt, receiver, run_and_receive
from scopeside import cli
from scopeside.testing.specimen import IrradiatedFilm
from scopeside.wire.incoming import EndMessage, StartMessage

SMALL = ("--shape", "40x56", "--rate", "0")


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/frames"


@pytest.mark.parametrize("kind", [zmq.SUB, zmq.PULL])
def test_a_run_is_the_film_from_first_to_last_dose(endpoint, kind):
    arrived = run_and_receive(
        "simulate", *SMALL, "--frames", "8", "--seed", "3", endpoint=endpoint, kind=kind
    )
    assert arrived.code == 0
    start, *_, end = arrived.messages
    assert isinstance(start, StartMessage)
    assert isinstance(end, EndMessage)
    assert end.frames == 8
    assert [frame.number for frame in arrived.frames] == list(range(8))
    film = IrradiatedFilm(shape=(40, 56), seed=3)
    for frame in arrived.frames:
        expected = film.expose(frame.dose_e_per_m2, number=frame.number)
        assert np.array_equal(frame.channels[0].values, expected.counts_YX)
        truth = frame.user["truth"]
        assert np.array_equal(np.frombuffer(truth["front_px"], "<f4"), expected.front_px_Y)
        assert truth["amorphous_fraction"] == expected.amorphous_fraction
        assert truth["seed"] == 3
    assert arrived.frames[0].user["truth"]["amorphous_fraction"] == 0.0
    assert arrived.frames[-1].user["truth"]["amorphous_fraction"] == 1.0


def test_frames_carry_calibration_pose_and_time(endpoint):
    arrived = run_and_receive("simulate", *SMALL, "--frames", "4", endpoint=endpoint)
    film = IrradiatedFilm(shape=(40, 56))
    stamps = [frame.t_ns for frame in arrived.frames]
    assert stamps == sorted(stamps)
    for frame in arrived.frames:
        drift_y, drift_x = film.expose(frame.dose_e_per_m2).drift_px
        step_m = film.pixel_size_m
        assert frame.pixel_size_m == (step_m, step_m)
        assert frame.stage == {"x_m": drift_x * step_m, "y_m": drift_y * step_m}
        (a, b, c), (d, e, f) = frame.pixel_to_stage
        assert (a * 10 + b * 20 + c) == pytest.approx((10 + drift_x) * step_m)
        assert (d * 10 + e * 20 + f) == pytest.approx((20 + drift_y) * step_m)


def test_dose_can_rise_in_steps_of_a_given_size(endpoint):
    arrived = run_and_receive(
        *("simulate", *SMALL, "--frames", "25", "--dose-curve", "steps"),
        *("--dose-per-frame", "2e23"),
        endpoint=endpoint,
    )
    doses = [frame.dose_e_per_m2 for frame in arrived.frames]
    assert doses == pytest.approx([0.0] * 10 + [2e24] * 10 + [4e24] * 5)


@pytest.mark.parametrize("kind", [zmq.SUB, zmq.PULL])
def test_injected_faults_are_what_a_receiver_finds(endpoint, tmp_path, kind):
    report_path = tmp_path / "report.json"
    arrived = run_and_receive(
        *("simulate", *SMALL, "--frames", "60", "--seed", "5", "--report", str(report_path)),
        "--faults",
        "gap=0.1,duplicate=0.1,reorder=0.1,burst=0.05,truncate=0.1,garbage=0.2,late-series=0.1,"
        "big-endian=0.3,lz4=0.2,zstd=0.2",
        endpoint=endpoint,
        kind=kind,
    )
    report = json.loads(report_path.read_text())
    faults = report["faults"]
    assert min(faults.values()) > 0
    assert len(faults) == 10
    mine = [frame for frame in arrived.frames if frame.series == "run"]
    late = [frame for frame in arrived.frames if frame.series != "run"]
    assert len(late) == faults["late-series"]
    assert arrived.refused["bad_payload"] == faults["truncate"]
    assert sum(arrived.refused.values()) == faults["truncate"] + faults["garbage"]
    seen = Counter(frame.number for frame in mine)
    assert sum(count - 1 for count in seen.values()) == faults["duplicate"]
    assert len(seen) == 60 - faults["gap"] - faults["truncate"]
    assert arrived.messages[-1].frames == report["frames"] == 60
    assert report["sent"] == len(arrived.frames) + sum(arrived.refused.values())
    film = IrradiatedFilm(shape=(40, 56), seed=5)
    for frame in mine:
        expected = film.expose(frame.dose_e_per_m2, number=frame.number).counts_YX
        assert np.array_equal(frame.channels[0].values, expected)
    ended = [m.series for m in arrived.messages if isinstance(m, EndMessage)]
    assert ended == [late[0].series, "run"]
    so_far = [frame.user["faults"].get("gap", 0) for frame in mine if frame.number in (0, 30, 58)]
    assert so_far == sorted(so_far)
    assert 0 < so_far[-1] <= faults["gap"]


def test_a_report_says_what_was_sent_and_how_late(endpoint, tmp_path):
    report_path = tmp_path / "report.json"
    run_and_receive(
        *("simulate", "--shape", "16x16", "--rate", "200", "--frames", "10"),
        *("--report", str(report_path)),
        endpoint=endpoint,
    )
    report = json.loads(report_path.read_text())
    assert report["frames"] == report["sent"] == 10
    assert report["series"] == "run"
    assert 0 <= report["late"] <= 10
    assert report["worst_late_s"] >= 0
    assert report["seconds"] >= 9 / 200
    assert report["bytes"] >= 10 * 16 * 16 * 2
    assert report["faults"] == {}
    assert not report["stopped"]


def test_a_report_that_cannot_be_written_is_said(endpoint, tmp_path, capsys):
    code = cli.main(
        [
            *("simulate", *SMALL, "--frames", "1", "--wait", "0", "--to", endpoint),
            *("--report", str(tmp_path / "absent" / "report.json")),
        ]
    )
    assert code == 5
    assert "report" in capsys.readouterr().err


def test_progress_is_for_people_and_quiet_is_quiet(endpoint, capsys):
    arguments = ["simulate", *SMALL, "--frames", "3", "--wait", "0", "--to", endpoint]
    assert cli.main([*arguments, "--series", "loud"]) == 0
    assert "sent 3 frames of 'loud'" in capsys.readouterr().out
    assert cli.main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("socket", "needed"), [("pub", "sub"), ("push", "pull")])
def test_nobody_listening_is_an_error_with_the_fix(endpoint, capsys, socket, needed):
    code = cli.main(["simulate", *SMALL, "--wait", "0.2", "--socket", socket, "--to", endpoint])
    assert code == 9
    said = capsys.readouterr().err
    assert "`scopeside serve` with this as ingest.endpoint" in said
    assert f"ingest.socket = {needed} and ingest.attach = connect" in said


@pytest.mark.parametrize("attach", ["bind", "connect"])
def test_a_push_that_connects_waits_for_its_receiver_too(endpoint, capsys, attach):
    where = ["--socket", "push", "--attach", attach, "--to", endpoint]
    assert cli.main(["simulate", *SMALL, "--wait", "0.2", *where]) == 9
    assert "within 0.2 s" in capsys.readouterr().err


def test_a_receiver_that_goes_away_is_noticed_by_push(endpoint, capsys):
    codes = []
    arguments = ["simulate", "--shape", "32x32", "--rate", "100", "--frames", "0", "--quiet"]
    where = ["--socket", "push", "--wait", "0.5", "--to", endpoint]
    thread = threading.Thread(target=lambda: codes.append(cli.main([*arguments, *where])))
    with receiver(zmq.PULL, endpoint) as socket:
        thread.start()
        for _ in range(3):
            assert socket.poll(SOON_MS)
            socket.recv_multipart()
    thread.join(SOON_MS / 1000)
    assert codes == [9]
    assert "No receiver took a message" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--faults", "gpa=0.1"], 2),
        (["--frames", "-1"], 2),
        (["--seed", "-1"], 2),
        (["--dose-per-frame", "-1"], 2),
        (["--grains", "0"], 2),
        (["--counts", "0"], 2),
        (["--series", "x" * 129], 2),
        (["--to", "nonsense"], 3),
    ],
)
def test_arguments_that_make_no_sense_are_one_sentence(endpoint, capsys, options, code):
    assert cli.main(["simulate", *SMALL, "--wait", "0", "--to", endpoint, *options]) == code
    message = capsys.readouterr().err
    assert message.startswith("scopeside: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("option", [["--shape", "512"], ["--shape", "2x2"], ["--rate", "-1"]])
def test_malformed_arguments_are_refused_by_the_parser(option, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["simulate", *option])
    assert stop.value.code == 2
    assert option[0] in capsys.readouterr().err


@pytest.mark.e2e
@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_series_and_the_process(endpoint, with_signal):
    arrived = interrupt(
        *("simulate", "--shape", "32x32", "--rate", "50", "--frames", "0"),
        endpoint=endpoint,
        with_signal=with_signal,
    )
    assert arrived.code == 130
    end = arrived.messages[-1]
    assert isinstance(end, EndMessage)
    assert end.frames == len(arrived.frames) >= 3
    assert not arrived.refused
