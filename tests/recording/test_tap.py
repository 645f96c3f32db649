"""The tap never waits: what the disk cannot take is dropped, counted and noted in the file."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest
import zmq

from recorded import file_size_limit, plain, series_messages, write
from scopeside.errors import MissingExtraError, OutputError
from scopeside.recording.reader import Recording
from scopeside.recording.tap import RecordSpec, Tap

SOON_S = 20.0


def offer(tap: Tap, message) -> bool:
    return tap.offer(message.parts, at_ns=message.wall_ns, at_s=message.monotonic_ns / 1e9)


def wait_until(condition) -> None:
    until_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


@pytest.fixture
def open_tap():
    """Makes taps, and closes those that a failed test leaves."""
    taps = []

    def make(spec, **options) -> Tap:
        taps.append(Tap(spec, **options))
        return taps[-1]

    yield make
    for tap in taps:
        tap.close(patience_s=0.0)


@pytest.fixture
def slow(monkeypatch):
    """The program of a recording process whose disk waits for a word."""
    here = str(Path(__file__).parents[1])
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    return "slow_recorder"


def test_what_is_offered_is_recorded_with_its_times(tmp_path, open_tap):
    messages = series_messages("film", 40)
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x", compression="zstd"))
    assert all(offer(tap, message) for message in messages)
    statistics = tap.close()
    assert (statistics.offered, statistics.recorded, statistics.dropped) == (42, 42, 0)
    assert statistics.error is None
    with Recording(tmp_path / "run.h5") as recording:
        assert recording.complete
        assert [plain(one.message) for one in recording.messages()] == [
            plain(message) for message in messages
        ]


def test_received_zmq_frames_are_taken_as_they_are(tmp_path, open_tap):
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x"))
    tap.offer([zmq.Frame(b"topic"), zmq.Frame(bytes(100_000))], at_ns=1, at_s=1.0)
    tap.close()
    with Recording(tmp_path / "run.h5") as recording:
        (stored,) = recording.messages()
    assert [bytes(part) for part in stored.message.parts] == [b"topic", bytes(100_000)]


def test_a_slow_disk_costs_counted_messages_and_never_waits(tmp_path, open_tap, slow):
    messages = series_messages("film", 400)
    told = []
    tap = open_tap(
        RecordSpec(path=tmp_path / "run.h5", source="x", queue_bytes=300_000),
        report=lambda code, sentence: told.append((code, sentence)),
        program=slow,
    )
    taken = [offer(tap, message) for message in messages[:300]]
    assert taken.count(False) == tap.statistics().dropped > 0
    assert told[0][0] == "record_overload"
    assert "run.h5" in told[0][1]
    assert "0.286 MiB of them wait, as many as record.queue_bytes allows" in told[0][1]
    (tmp_path / "run.h5.go").touch()
    assert tap.wait_for_room(2000, timeout_s=SOON_S)
    wait_until(lambda: offer(tap, messages[300]))
    statistics = tap.close()
    assert statistics.error is None
    assert statistics.offered == statistics.recorded + statistics.dropped
    with Recording(tmp_path / "run.h5") as recording:
        stored = [one.message for one in recording.messages()]
    assert len(stored) == statistics.recorded
    assert sum(one.dropped_before for one in stored) == statistics.dropped


def test_what_was_dropped_after_the_last_message_is_noted_too(tmp_path, open_tap, slow):
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x", queue_bytes=1), program=slow)
    first, *rest = series_messages("film", 3)
    assert offer(tap, first)  # one by itself always fits
    assert not any(offer(tap, message) for message in rest)
    (tmp_path / "run.h5.go").touch()
    assert tap.close().dropped == len(rest)
    with Recording(tmp_path / "run.h5") as recording:
        assert (len(recording), recording.dropped_after) == (1, len(rest))


def test_a_disk_too_slow_to_finish_is_left_and_said(tmp_path, open_tap, slow):
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x"), program=slow)
    for message in series_messages("film", 3):
        offer(tap, message)
    statistics = tap.close(patience_s=0.2)
    assert (statistics.recorded, statistics.dropped) == (0, 5)
    assert "too slow" in statistics.error


def test_a_slow_disk_is_waited_for_as_long_as_it_gets_on(tmp_path, open_tap, slow, monkeypatch):
    """Twelve messages at a quarter of a second each take longer than it may stand still."""
    monkeypatch.setenv("SLOW_RECORDER_S", "0.25")
    (tmp_path / "run.h5.go").touch()
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x"), program=slow)
    for message in series_messages("film", 10):
        offer(tap, message)
    statistics = tap.close(patience_s=2.0)
    assert statistics.error is None
    assert (statistics.recorded, statistics.dropped) == (12, 0)
    with Recording(tmp_path / "run.h5") as recording:
        assert recording.complete


def test_a_disk_that_gets_on_is_waited_for_no_longer_than_the_limit(
    tmp_path, open_tap, slow, monkeypatch
):
    monkeypatch.setenv("SLOW_RECORDER_S", "0.25")
    (tmp_path / "run.h5.go").touch()
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x"), program=slow)
    for message in series_messages("film", 200):
        offer(tap, message)
    statistics = tap.close(patience_s=SOON_S, limit_s=0.5)
    assert "messages to go" in statistics.error
    assert statistics.offered == statistics.recorded + statistics.dropped == 202


def test_nothing_is_left_behind_while_it_records(tmp_path, open_tap, monkeypatch):
    """Not even by a process that is killed: the folder in which both met is gone by then."""
    # Not below tmp_path: the socket's path would be longer than a socket's may be.
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x"))
        assert list(Path(folder).iterdir()) == []
        messages = series_messages("film", 5)
        assert all(offer(tap, message) for message in messages)
        assert tap.close().recorded == len(messages)


def test_a_full_disk_ends_the_recording_in_one_sentence(tmp_path, open_tap):
    told = []
    with file_size_limit(2_000_000):
        tap = open_tap(
            RecordSpec(path=tmp_path / "run.h5", source="x"),
            report=lambda code, sentence: told.append((code, sentence)),
        )
    for offered in range(20):
        tap.offer([b"topic", os.urandom(20_000)], at_ns=offered, at_s=float(offered))
    wait_until(lambda: tap.look() or tap.statistics().recorded == 20)
    offered = 20
    until_s = time.monotonic() + SOON_S
    while tap.error is None:
        assert time.monotonic() < until_s
        tap.offer([b"topic", os.urandom(20_000)], at_ns=offered, at_s=float(offered))
        offered += 1
        tap.look()
        time.sleep(0.001)
    assert not tap.offer([b"topic"], at_ns=0, at_s=0.0)
    statistics = tap.close()
    assert statistics.offered == offered + 1 == statistics.recorded + statistics.dropped
    assert "cannot be written (File too large)" in statistics.error
    assert [code for code, _ in told].count("record_failed") == 1
    with Recording(tmp_path / "run.h5") as recording:  # what was committed is there
        assert len(recording) >= statistics.recorded >= 20


def test_a_recording_process_that_is_killed_is_noticed_and_costs_only_itself(tmp_path, open_tap):
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x"))
    messages = series_messages("film", 10)
    for message in messages:
        offer(tap, message)
    wait_until(lambda: tap.look() or tap.statistics().recorded == len(messages))
    tap._process.send_signal(signal.SIGKILL)
    wait_until(lambda: tap.look() or tap.error is not None)
    assert not offer(tap, messages[0])
    statistics = tap.close()
    assert (statistics.recorded, statistics.dropped) == (12, 1)
    with Recording(tmp_path / "run.h5") as recording:
        assert (len(recording), recording.complete) == (12, False)


def test_room_comes_back_as_messages_are_taken(tmp_path, open_tap):
    """Fifteen times what may be under way goes through, five messages at a time."""
    tap = open_tap(RecordSpec(path=tmp_path / "run.h5", source="x", queue_bytes=10**6))
    for number in range(1, 31):
        taken = [tap.offer([bytes(100_000)], at_ns=1, at_s=1.0) for _ in range(5)]
        assert all(taken)
        wait_until(lambda sent=5 * number: tap.look() or tap._progress.messages == sent)
    assert tap.close().dropped == 0


def test_a_stream_without_a_pause_notices_too_that_nothing_is_recorded(tmp_path, open_tap):
    """Where the next message is always there nobody looks; and no disk is blamed for it."""
    told = []
    tap = open_tap(
        RecordSpec(path=tmp_path / "run.h5", source="x"),
        report=lambda code, _sentence: told.append(code),
    )
    (message, *_) = series_messages("film", 1)
    assert offer(tap, message)
    tap._process.send_signal(signal.SIGKILL)
    wait_until(lambda: not offer(tap, message) and tap.error is not None)
    assert told == ["record_failed"]
    statistics = tap.close()
    assert statistics.offered == statistics.recorded + statistics.dropped


def test_a_recording_that_cannot_begin_says_so_at_once(tmp_path):
    with pytest.raises(OutputError, match="folder that exists"):
        Tap(RecordSpec(path=tmp_path / "absent" / "run.h5", source="x"))
    write(tmp_path / "run.h5", series_messages())
    with pytest.raises(OutputError, match="exists already"):
        Tap(RecordSpec(path=tmp_path / "run.h5", source="x"))


def test_without_h5py_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "h5py.py").write_text("raise ModuleNotFoundError(name='h5py')")
    path = os.pathsep.join(
        [str(tmp_path / "hidden"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    monkeypatch.setenv("PYTHONPATH", path)
    with pytest.raises(MissingExtraError, match=r"scopeside\[record\]"):
        Tap(RecordSpec(path=tmp_path / "run.h5", source="x"))
