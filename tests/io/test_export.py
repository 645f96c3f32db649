"""What is exported is read again as it was: pixels, calibration and pace."""

import json

import numpy as np
import pytest
import tifffile

from recorded import PERIOD_NS, WALL_NS, image, series_messages, write
from scopeside import cli
from scopeside.errors import InputFileError, OutputError
from scopeside.io import open_frames
from scopeside.io.export import export
from scopeside.io.images import array_frames
from scopeside.io.recorded import open_recorded
from scopeside.messages import Channel
from scopeside.recording.layout import RecordedMessage
from scopeside.wire.native import encode_frame


@pytest.fixture
def run(tmp_path):
    messages = series_messages("film", 6, stage={"x_m": 1e-6})
    return write(tmp_path / "run.h5", [*messages, *series_messages("other", 2)])


@pytest.mark.parametrize("ending", ["tif", "zspy", "hspy"])
def test_a_series_comes_back_with_pixels_and_calibration(run, tmp_path, ending, capsys):
    out = tmp_path / f"film.{ending}"
    assert cli.main(["recording", "export", str(run), "-o", str(out)]) == 0
    assert "6 frames of 24x32 uint16; took series 'film', left 'other'" in capsys.readouterr().out
    found = open_frames(out)
    assert (len(found), found.shape, found.dtype) == (6, (24, 32), np.dtype("<u2"))
    for index in range(6):
        assert np.array_equal(found.frame(index), image(index))
    assert found.pixel_size_m == pytest.approx((1e-9, 2e-9), rel=1e-5)
    if ending != "tif":  # whose readers know no time between frames
        assert found.times_s == pytest.approx([at * PERIOD_NS / 1e9 for at in range(6)])
        assert found.began == "2023-11-14T22:13:20"


def test_a_tiff_says_its_calibration_and_pace_to_imagej(run, tmp_path):
    export(open_recorded(run), tmp_path / "film.tif")
    with tifffile.TiffFile(tmp_path / "film.tif") as tiff:
        assert tiff.imagej_metadata["unit"] == "micron"
        assert tiff.imagej_metadata["finterval"] == pytest.approx(PERIOD_NS / 1e9)
        x, y = (tiff.pages[0].tags[f"{axis}Resolution"].value for axis in "XY")
    assert (x[1] / x[0], y[1] / y[0]) == pytest.approx((2e-3, 1e-3))


def test_an_ome_zarr_is_one_by_its_metadata(run, tmp_path):
    import zarr

    out = tmp_path / "film.ome.zarr"
    export(open_recorded(run), out)
    group = zarr.open_group(str(out), mode="r")
    (scales,) = group.attrs["multiscales"]
    assert scales["version"] == "0.4"
    assert [axis["name"] for axis in scales["axes"]] == ["t", "y", "x"]
    assert [axis.get("unit") for axis in scales["axes"]] == ["second", "meter", "meter"]
    (data,) = scales["datasets"]
    (transformation,) = data["coordinateTransformations"]
    assert transformation["scale"] == pytest.approx([PERIOD_NS / 1e9, 1e-9, 2e-9])
    assert np.array_equal(group[data["path"]][4], image(4))
    assert (out / "0" / "0" / "0" / "0").is_file()  # chunks nested, as OME-Zarr 0.4 wants them


def test_times_go_beside_the_stack(run, tmp_path):
    export(open_recorded(run), tmp_path / "film.tif", more={"series": "film"})
    beside = json.loads((tmp_path / "film.tif.json").read_text())
    assert beside["series"] == "film"
    assert beside["shape"] == [6, 24, 32]
    assert beside["pixel_size_m"] == [1e-9, 2e-9]
    assert beside["times_s"] == pytest.approx([at * PERIOD_NS / 1e9 for at in range(6)])


@pytest.mark.parametrize("dtype", ["|u1", ">u2", "<i2", "<u4", "<f4", "<f8"])
def test_every_kind_of_pixel_survives_tiff(tmp_path, dtype):
    values = np.random.default_rng(0).integers(0, 200, (3, 9, 11)).astype(dtype)
    export(array_frames(tmp_path / "x.npy", values), tmp_path / "x.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "x.tif"), values)


@pytest.mark.parametrize("name", ["film.png", "film", "film.zarr.txt"])
def test_an_ending_that_is_no_format_is_one_sentence(run, tmp_path, name):
    with pytest.raises(OutputError, match=r"use \.tif"):
        export(open_recorded(run), tmp_path / name)


def test_an_export_replaces_nothing(run, tmp_path):
    (tmp_path / "film.tif").write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        export(open_recorded(run), tmp_path / "film.tif")
    assert (tmp_path / "film.tif").read_bytes() == b"precious"


@pytest.mark.parametrize("ending", ["tif", "ome.zarr", "zspy", "hspy"])
def test_frames_of_two_shapes_make_no_stack_and_leave_nothing(tmp_path, ending):
    messages = [
        RecordedMessage(
            parts=encode_frame(
                series="s",
                number=at,
                t_ns=WALL_NS,
                channels=[Channel(name="image", values=image(at, shape))],
            ),
            monotonic_ns=at,
            wall_ns=WALL_NS,
        )
        for at, shape in enumerate([(24, 32), (24, 32), (12, 32)])
    ]
    path = write(tmp_path / "run.h5", messages)
    with pytest.raises(InputFileError, match=r"Frame 2 of .* is 12x32 uint16"):
        export(open_recorded(path), tmp_path / f"film.{ending}")
    assert [one.name for one in tmp_path.iterdir()] == ["run.h5"]


def test_a_folder_that_is_not_there_is_one_sentence(run, tmp_path):
    with pytest.raises(OutputError, match="folder that"):
        export(open_recorded(run), tmp_path / "absent" / "film.tif")


def test_a_recording_opens_as_frames_with_stage_and_times(run):
    file = open_frames(run)
    assert (file.note, len(file)) == ("took series 'film', left 'other'", 6)
    assert file.stage_at(3) == {"x_m": 1e-6}
    assert file.times_s == pytest.approx([at * PERIOD_NS / 1e9 for at in range(6)])
    assert len(open_recorded(run, series="other")) == 2
    with pytest.raises(InputFileError, match="series with frames are 'film', 'other'"):
        open_recorded(run, series="absent")


def test_a_damaged_frame_is_said_when_it_is_read(run):
    import h5py

    with h5py.File(run, "r+") as file:
        row = file["messages"][3]
        file["payload"][int(file["parts"][row["first_part"] + 2]["offset"])] ^= 1
    with pytest.raises(InputFileError, match="Frame 2 of"):
        open_frames(run).frame(2)
