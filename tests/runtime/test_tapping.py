"""A service that records beside its work, and what happens to its work when that fails."""

import h5py
import pytest

from live import balances, ipc_endpoints, running, two_phases
from recorded import file_size_limit, series_messages, write
from scopeside.configuration import config_hash, load_settings
from scopeside.errors import OutputError
from scopeside.recording.layout import Kind
from scopeside.recording.reader import Recording
from scopeside.recording.verify import verify
from scopeside.runtime.service import Service

ANSWER_S = 30.0
FRAMES = 6


def publish(service, frames: int = FRAMES) -> list[int]:
    """Send a series of frames and something malformed; return the numbers of the results."""
    numbers = []
    with service.publisher(socket="push") as publisher:
        publisher.start("s")
        publisher.send([b"garbage", b"\x00"])
        for number in range(frames):
            publisher.frame(two_phases(seed=number))
            result = service.results.receive(ANSWER_S)
            numbers.append(result.frame)
    return numbers


def test_everything_received_is_in_the_recording(tmp_path):
    path = tmp_path / "run.h5"
    sets = ["ingest.socket=pull", f"record.file={path}", "record.compression=zstd"]
    with running(ipc_endpoints(tmp_path), sets=sets) as service:
        assert publish(service) == list(range(FRAMES))
        beat = next(event for event in service.events if event["kind"] == "heartbeat")
        assert beat["recording"]["file"] == str(path)
        service.stop()
    with Recording(path) as recording:
        assert recording.complete
        assert verify(recording).sound
        kinds = [one.kind for one in recording.messages()]
    # The end of the series may come when the service already stops.
    assert kinds[: FRAMES + 2] == [Kind.START, Kind.OTHER, *[Kind.FRAME] * FRAMES]


def test_a_full_disk_ends_the_recording_and_costs_no_frame(tmp_path):
    path = tmp_path / "run.h5"
    sets = ["ingest.socket=pull", f"record.file={path}"]
    with file_size_limit(1_500_000), running(ipc_endpoints(tmp_path), sets=sets) as service:
        with service.publisher(socket="push") as publisher:
            publisher.start("s")
            for number in range(120):
                publisher.frame(two_phases(seed=number), user=bytes(20_000))
                assert service.results.receive(ANSWER_S).frame == number
                if service.status()["recording"]["error"]:
                    break
            # It goes on as if nothing had been.
            publisher.frame(two_phases(), number=1000)
            assert service.results.receive(ANSWER_S).frame == 1000
        failed = next(event for event in service.events if event.get("code") == "record_failed")
        status = service.status()
    assert "cannot be written (File too large)" in failed["message"]
    assert status["recording"]["error"] == failed["message"]
    assert status["recording"]["dropped"] >= 1
    assert balances(status["totals"])
    assert status["totals"]["segmented"] == number + 2
    assert service.exit_codes == [0]


def test_a_recording_that_cannot_begin_ends_the_service_before_it_warms_up(tmp_path):
    path = write(tmp_path / "run.h5", series_messages())
    endpoints = ipc_endpoints(tmp_path)
    sets = [*endpoints.sets(), f"record.file={path}", "embed.backend=null"]
    with pytest.raises(OutputError, match="exists already"):
        Service(load_settings(sets=sets)).run()
    with h5py.File(path) as file:
        assert len(file["messages"]) == 7


def test_what_is_recorded_is_no_property_of_results(tmp_path):
    plain = load_settings().settings
    recording = load_settings(sets=[f"record.file={tmp_path}/run.h5"]).settings
    assert config_hash(plain) == config_hash(recording)
