"""What is written is what is read, whatever came and however it was stored."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorded import image, plain, series_messages, write
from scopeside.errors import InputFileError, OutputError
from scopeside.recording.layout import Kind, RecordedMessage
from scopeside.recording.reader import Recording
from scopeside.recording.splitting import SplitRecording
from scopeside.recording.verify import verify

MESSAGES = st.lists(
    st.builds(
        RecordedMessage,
        parts=st.lists(
            st.binary(max_size=40) | st.binary(min_size=1, max_size=4).map(lambda one: one * 400),
            min_size=1,
            max_size=4,
        ),
        monotonic_ns=st.integers(0, 2**62),
        wall_ns=st.integers(-(2**63), 2**63 - 1),
        dropped_before=st.integers(0, 2**32 - 1),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(
    messages=MESSAGES,
    compression=st.sampled_from(["none", "zstd"]),
    split_bytes=st.sampled_from([0, 1, 700, 10_000]),
)
def test_any_messages_come_back_byte_for_byte(tmp_path_factory, messages, compression, split_bytes):
    path = tmp_path_factory.mktemp("any") / "run.h5"
    write(path, messages, compression=compression, split_bytes=split_bytes)
    with Recording(path) as recording:
        assert len(recording) == len(messages)
        found = [plain(stored.message) for stored in recording.messages()]
    assert found == [plain(message) for message in messages]


def test_the_index_names_kind_series_and_frame(tmp_path):
    messages = series_messages("film", 3)
    messages.insert(2, RecordedMessage(parts=[b"\x00\xff", b"x"], monotonic_ns=1, wall_ns=1))
    path = write(tmp_path / "run.h5", messages)
    with Recording(path) as recording:
        found = [(one.kind, one.series, one.frame) for one in recording.messages()]
    assert found == [
        (Kind.START, "film", None),
        (Kind.FRAME, "film", 0),
        (Kind.OTHER, None, None),
        (Kind.FRAME, "film", 1),
        (Kind.FRAME, "film", 2),
        (Kind.END, "film", None),
    ]


def test_a_range_of_messages_spans_files(tmp_path):
    messages = series_messages("film", 20)
    path = write(tmp_path / "run.h5", messages, split_bytes=8000)
    with Recording(path) as recording:
        assert len(recording.files) > 3
        found = [(one.index, plain(one.message)) for one in recording.messages(5, 17)]
    assert found == [(at, plain(messages[at])) for at in range(5, 17)]


def test_no_file_grows_past_the_split_but_by_one_message(tmp_path):
    messages = series_messages("film", 30)
    largest = max(message.size_bytes for message in messages)
    write(tmp_path / "run.h5", messages, split_bytes=5000)
    sizes = []
    for file in tmp_path.glob("run*.h5"):
        with h5py.File(file) as opened:
            sizes.append(opened["payload"].shape[0])
    assert len(sizes) > 5
    assert all(size <= max(5000, largest) for size in sizes)


def test_another_program_reads_it_with_hdf5_alone(tmp_path):
    path = write(tmp_path / "run.h5", series_messages("film", 4))
    with h5py.File(path) as file:
        row = file["messages"][3]
        parts = file["parts"][row["first_part"] : row["first_part"] + row["parts"]]
        last = parts[-1]
        pixels = file["payload"][last["offset"] : last["offset"] + last["stored"]]
        assert file["series"][row["series"]]["name"] == b"film"
    assert np.array_equal(pixels.view("<u2").reshape(24, 32), image(2))


def test_a_recording_never_replaces_a_file(tmp_path):
    path = write(tmp_path / "run.h5", series_messages())
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        SplitRecording(path, source="x")
    assert path.read_bytes() == before


def test_a_left_over_second_file_is_not_mistaken_for_ones_own(tmp_path):
    write(tmp_path / "run.h5", series_messages(), split_bytes=1)
    (tmp_path / "run.h5").unlink()
    with pytest.raises(OutputError, match=r"run-0002\.h5"):
        SplitRecording(tmp_path / "run.h5", source="x")


def test_files_of_another_recording_are_left_out(tmp_path):
    write(tmp_path / "other.h5", series_messages("other", 9), split_bytes=1)
    write(tmp_path / "run.h5", series_messages("film", 2))
    (tmp_path / "other-0002.h5").rename(tmp_path / "run-0002.h5")
    with Recording(tmp_path / "run.h5") as recording:
        assert len(recording) == 4


def test_a_missing_middle_file_is_said(tmp_path):
    write(tmp_path / "run.h5", series_messages("film", 9), split_bytes=1)
    (tmp_path / "run-0003.h5").unlink()
    with pytest.raises(InputFileError, match="lacks its file 3"):
        Recording(tmp_path / "run.h5")


def split_in_four(path):
    """A recording of four files, of which three were closed by a split."""
    messages = series_messages("film", 8)
    size = sum(message.size_bytes for message in messages)
    return write(path, messages, split_bytes=size // 4 + 500)


def test_a_missing_last_file_is_said_and_is_no_sound_recording(tmp_path):
    path = split_in_four(tmp_path / "run.h5")
    with Recording(path) as recording:
        files = [file.path for file in recording.files]
        assert [file.facts.last for file in recording.files] == [False, False, False, True]
        assert (recording.complete, recording.lacks) == (True, None)
        assert verify(recording).sound
    files[-1].unlink()
    with Recording(path) as recording:
        assert (recording.complete, recording.lacks) == (False, 4)
        verdict = verify(recording)
    assert (verdict.sound, verdict.lacks, verdict.damaged_count) == (False, 4, 0)


def test_a_writer_killed_after_a_split_left_nothing_out(tmp_path):
    """The file after the split is begun before the one before it is closed."""
    messages = series_messages("film", 8)
    store = SplitRecording(tmp_path / "run.h5", source="x", split_bytes=1)
    store.append(messages[:3])
    store.commit()
    with Recording(tmp_path / "run.h5") as recording:
        assert (len(recording), recording.complete, recording.lacks) == (3, False, None)
    store.close(dropped_after=0)


def test_one_file_of_a_split_recording_is_read_by_itself(tmp_path):
    split_in_four(tmp_path / "run.h5")
    with Recording(tmp_path / "run-0002.h5") as recording:
        assert (len(recording.files), recording.lacks) == (1, None)
        assert verify(recording).sound


def test_files_from_before_the_last_was_marked_are_taken_at_their_word(tmp_path):
    path = write(tmp_path / "run.h5", series_messages())
    with h5py.File(path, "r+") as file:
        del file.attrs["last"]
    with Recording(path) as recording:
        assert (recording.complete, recording.files[0].facts.last) == (True, None)


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_one_flipped_bit_is_found_and_named(tmp_path, compression):
    path = write(tmp_path / "run.h5", series_messages("film", 6), compression=compression)
    with h5py.File(path, "r+") as file:
        row = file["messages"][3]
        at = int(file["parts"][row["first_part"] + 2]["offset"]) + 50
        file["payload"][at] ^= 4
    with Recording(path) as recording:
        verdict = verify(recording)
        assert [one.message is None for one in recording.messages()].count(True) == 1
    assert (verdict.sound, verdict.damaged, verdict.damaged_count) == (False, (3,), 1)


@pytest.mark.parametrize("field", ["monotonic_ns", "wall_ns"])
def test_a_changed_time_is_found(tmp_path, field):
    path = write(tmp_path / "run.h5", series_messages("film", 6))
    with h5py.File(path, "r+") as file:
        rows = file["messages"][:]
        rows[field][4] += 1
        file["messages"][:] = rows
    with Recording(path) as recording:
        assert verify(recording).damaged == (4,)


def test_rows_whose_bytes_never_came_are_left_out(tmp_path):
    path = write(tmp_path / "run.h5", series_messages("film", 6))
    with h5py.File(path, "r+") as file:
        file["messages"].resize((11,))
        lost = int(file["parts"][file["messages"][7]["first_part"] + 1]["offset"]) + 1
        file["payload"].resize((lost,))
    with Recording(path) as recording:
        assert len(recording) == 7
        assert recording.files[0].torn == 4
        assert verify(recording).sound


def test_times_that_run_back_are_said(tmp_path):
    messages = series_messages("film", 3)
    path = write(tmp_path / "run.h5", [messages[2], messages[1]])
    with Recording(path) as recording:
        assert verify(recording).backwards == 1


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(64)])
def test_what_is_no_recording_is_one_sentence(tmp_path, content):
    path = tmp_path / "run.h5"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=r"run\.h5"):
        Recording(path)


def test_other_hdf5_files_and_later_versions_are_told_apart(tmp_path):
    path = tmp_path / "run.h5"
    h5py.File(path, "w").close()
    with pytest.raises(InputFileError, match="no recording"):
        Recording(path)
    path.unlink()
    write(path, series_messages())
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2
    with pytest.raises(InputFileError, match="version 2"):
        Recording(path)


def test_a_cut_off_file_is_one_sentence(tmp_path):
    path = write(tmp_path / "run.h5", series_messages("film", 50))
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputFileError, match="damaged"):
        Recording(path)


def test_a_reader_sees_what_was_committed_while_it_is_written(tmp_path):
    messages = series_messages("film", 8)
    store = SplitRecording(tmp_path / "run.h5", source="x")
    store.append(messages[:4])
    store.commit()
    with Recording(tmp_path / "run.h5") as recording:
        assert (len(recording), recording.complete) == (4, False)
    store.append(messages[4:])
    store.close(dropped_after=3)
    with Recording(tmp_path / "run.h5") as recording:
        assert (len(recording), recording.complete, recording.dropped_after) == (10, True, 3)


def test_it_ends_well_before_the_disk_is_full(tmp_path):
    messages = series_messages("film", 8)
    store = SplitRecording(tmp_path / "run.h5", source="x", reserve_bytes=0)
    store.append(messages[:4])
    store._reserve_bytes = 2**62
    with pytest.raises(OutputError, match="MiB left"):
        store.append(messages[4:])
    assert store.committed == 4
    with Recording(tmp_path / "run.h5") as recording:
        assert (len(recording), recording.complete) == (4, False)


def test_a_stream_that_broke_off_is_closed_and_not_whole(tmp_path):
    path = write(tmp_path / "run.h5", series_messages("film", 3), dropped_after=None)
    with Recording(path) as recording:
        assert (len(recording), recording.complete, recording.lacks) == (5, False, None)
        assert verify(recording).sound
