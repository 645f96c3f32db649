"""`segment` on real files, without an encoder so that it is quick."""

import csv
import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from live import ANSWER_S, ipc_endpoints, real, running, two_phases
from scopeside import cli

SETS = ["embed.backend=null", "chips.size_px=32", "log.level=error"]


@pytest.fixture(autouse=True)
def log():
    """The command sets up logging for its process; this process is ours."""
    logger = logging.getLogger("scopeside")
    before = logger.handlers, logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


@pytest.fixture
def stack_TYX():
    return np.stack([two_phases((96, 80), split=24 + 6 * n, seed=n) for n in range(5)])


def segment(path, out, *words, sets=SETS):
    return cli.main(
        ["segment", str(path), "-o", str(out), *(f"--set={one}" for one in sets), *words]
    )


def written(out):
    """What a run wrote: label maps from both files, the report and the names."""
    report = json.loads((out / "segmentation.json").read_text())
    labels_TYX = np.load(out / "labels.npy")
    tif_TYX = tifffile.imread(out / "labels.tif").reshape(labels_TYX.shape)
    assert tif_TYX.dtype == labels_TYX.dtype == np.dtype("<u2")
    assert (tif_TYX == labels_TYX).all()
    confidence_TYX = tifffile.imread(out / "confidence.tif").reshape(labels_TYX.shape)
    assert confidence_TYX.dtype == np.uint8
    assert confidence_TYX.min() > 0
    return labels_TYX, report


def save(path, stack_TYX):
    if path.suffix == ".npy":
        np.save(path, stack_TYX)
    else:
        tifffile.imwrite(path, stack_TYX, photometric="minisblack")


@pytest.mark.parametrize("name", ["film.npy", "film.tif"])
def test_a_stack_is_segmented_frame_by_frame(tmp_path, capsys, stack_TYX, name):
    save(tmp_path / name, stack_TYX)
    out = tmp_path / "deep" / "out"
    assert segment(tmp_path / name, out) == 0
    labels_TYX, report = written(out)
    assert labels_TYX.shape == stack_TYX.shape
    assert labels_TYX.min() >= 1
    assert [one["frame"] for one in report["frames"]] == list(range(5))
    assert report["provenance"]["embedder"] == "null"
    for number, entry in enumerate(report["frames"]):
        ids, areas = np.unique(labels_TYX[number], return_counts=True)
        assert {one["id"]: one["area_px"] for one in entry["communities"]} == dict(
            zip(ids.tolist(), areas.tolist(), strict=True)
        )
        with Image.open(out / f"overlay-{number:04d}.png") as overlay:
            assert overlay.size == (80, 96)
            assert np.asarray(overlay).std() > 0
    assert "5 frame(s) segmented" in capsys.readouterr().out
    with (out / "descriptors.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [
        (str(number), str(one["id"]), number_or_empty(one["descriptors"]["contrast"]))
        for number, entry in enumerate(report["frames"])
        for one in entry["communities"]
    ]
    assert [(row["frame"], row["id"], row["contrast"]) for row in rows] == expected
    assert any(row["entropy_bits"] for row in rows)


def number_or_empty(value):
    return "" if value is None else str(value)


def test_fronts_are_in_the_report_and_in_a_table_with_speeds_where_times_are_known(
    tmp_path, monkeypatch
):
    stack_TYX = np.stack([two_phases((160, 160), split=64 + 4 * n, seed=n) for n in range(4)])
    np.save(tmp_path / "film.npy", stack_TYX)
    from scopeside import io

    monkeypatch.setattr(io, "open_frames", timed(io.open_frames))
    # Every community as it was found: without an encoder the two sides are much alike.
    sets = [*SETS, "identity.merge_distance=0", "graph.resolution=0.5"]
    assert segment(tmp_path / "film.npy", tmp_path / "out", sets=sets) == 0
    _, report = written(tmp_path / "out")
    with (tmp_path / "out" / "fronts.csv").open() as file:
        rows = list(csv.DictReader(file))
    fronts = [one for entry in report["frames"] for one in entry["fronts"]]
    assert len(fronts) >= 3
    assert [float(row["position_px"]) for row in rows] == [one["position_px"] for one in fronts]
    assert [[int(row["first_id"]), int(row["second_id"])] for row in rows] == [
        one["between"] for one in fronts
    ]
    last = fronts[-1]
    assert last["speed_px_per_s"] == pytest.approx(2.0 * last["speed_px_per_frame"])


def timed(open_frames):
    """Frames half a second apart, whatever their file says."""

    def opened(path):
        return replace(open_frames(path), times_s=[0.5 * n for n in range(4)])

    return opened


def test_an_image_is_a_stack_of_one(tmp_path, stack_TYX):
    pixels_YX = (stack_TYX[0] // 16).astype(np.uint8)
    Image.fromarray(pixels_YX).save(tmp_path / "one.png")
    assert segment(tmp_path / "one.png", tmp_path / "out") == 0
    labels_TYX, report = written(tmp_path / "out")
    assert labels_TYX.shape == (1, 96, 80)
    assert len(report["frames"]) == 1


def test_images_of_several_sizes_are_no_array_but_pages(tmp_path, stack_TYX):
    (tmp_path / "folder").mkdir()
    for number, shape in enumerate([(96, 80), (64, 64)]):
        pixels_YX = (two_phases(shape) // 16).astype(np.uint8)
        Image.fromarray(pixels_YX).save(tmp_path / "folder" / f"{number}.png")
    assert segment(tmp_path / "folder", tmp_path / "out") == 0
    assert not (tmp_path / "out" / "labels.npy").exists()
    with tifffile.TiffFile(tmp_path / "out" / "labels.tif") as tif:
        assert [page.shape for page in tif.pages] == [(96, 80), (64, 64)]


def test_only_so_many_frames_as_asked_for(tmp_path, stack_TYX):
    save(tmp_path / "film.npy", stack_TYX)
    assert segment(tmp_path / "film.npy", tmp_path / "out", "--frames", "2") == 0
    assert written(tmp_path / "out")[0].shape[0] == 2
    assert len(list((tmp_path / "out").glob("overlay-*.png"))) == 2


def test_the_service_labels_the_same_frames_bit_for_bit_alike(tmp_path, stack_TYX):
    save(tmp_path / "film.npy", stack_TYX)
    assert segment(tmp_path / "film.npy", tmp_path / "out") == 0
    labels_TYX, report = written(tmp_path / "out")
    (tmp_path / "live").mkdir()
    with running(ipc_endpoints(tmp_path / "live"), sets=["ingest.socket=pull"]) as service:
        with service.publisher(socket="push") as publisher:
            publisher.start("film")
            for image_YX in stack_TYX:
                publisher.frame(image_YX)
        results = [service.results.receive(ANSWER_S) for _ in stack_TYX]
    for labels_YX, entry, result in zip(labels_TYX, report["frames"], results, strict=True):
        assert (labels_YX == result.labels_YX).all()
        assert entry["graph"] == result.raw["graph"]
        ids = [(one["id"], one["age"], one["chips"]) for one in entry["communities"]]
        assert ids == [(one.id, one.age, one.chips) for one in result.communities]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.tif", None, "absent.tif cannot be opened"),
        ("empty.tif", b"", "is empty"),
        ("broken.tif", b"II*\x00 and no more", "broken.tif"),
        ("broken.npy", b"\x93NUMPY\x01\x00", "broken.npy"),
        ("notes.txt", b"no micrograph", "ending '.txt'"),
    ],
)
def test_a_file_that_holds_no_frames_is_exit_code_4(tmp_path, capsys, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert segment(tmp_path / name, tmp_path / "out") == 4
    (sentence,) = capsys.readouterr().err.splitlines()
    assert words in sentence
    assert not (tmp_path / "out").exists()


def test_a_frame_that_the_flat_field_does_not_fit_is_named(tmp_path, capsys, stack_TYX):
    save(tmp_path / "film.npy", stack_TYX)
    np.save(tmp_path / "flat.npy", np.ones((10, 10), np.float32))
    sets = [*SETS, f"preprocess.flat={tmp_path}/flat.npy"]
    assert segment(tmp_path / "film.npy", tmp_path / "out", sets=sets) == 4
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "Frame 0 of" in sentence


def test_what_was_done_before_a_frame_that_does_not_fit_is_reported(tmp_path, stack_TYX):
    folder = tmp_path / "frames"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", stack_TYX[0])
    tifffile.imwrite(folder / "b.tif", stack_TYX[1][:48])
    np.save(tmp_path / "dark.npy", np.zeros((96, 80), np.uint16))
    sets = [*SETS, f"preprocess.dark={tmp_path}/dark.npy"]
    assert segment(folder, tmp_path / "out", sets=sets) == 4
    report = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    assert [entry["frame"] for entry in report["frames"]] == [0]


def test_a_folder_that_cannot_be_made_is_exit_code_5(tmp_path, capsys, stack_TYX):
    save(tmp_path / "film.npy", stack_TYX)
    (tmp_path / "file").write_text("")
    assert segment(tmp_path / "film.npy", tmp_path / "file" / "out") == 5
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "cannot be made" in sentence


@pytest.mark.parametrize(
    "name", ["labels.tif", "labels.npy", "confidence.tif", "overlay-0000.png", "segmentation.json"]
)
def test_a_result_that_cannot_be_written_is_exit_code_5(tmp_path, capsys, stack_TYX, name):
    save(tmp_path / "film.npy", stack_TYX[:1])
    # A folder stands where the file should go.
    (tmp_path / "out" / name).mkdir(parents=True)
    assert segment(tmp_path / "film.npy", tmp_path / "out") == 5
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in sentence
    assert str(tmp_path / "out") in sentence


@pytest.mark.parametrize("words", [("--frames", "0"), ("--frames", "-1"), ("--opacity", "1.5")])
def test_numbers_that_make_no_sense_are_exit_code_2(tmp_path, capsys, stack_TYX, words):
    save(tmp_path / "film.npy", stack_TYX)
    assert segment(tmp_path / "film.npy", tmp_path / "out", *words) == 2
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("streams/swnt_growth_etem/stack.tif", (480, 480)),
        ("streams/haadf_tilt_series/HAADF.dm3", (64, 64)),
        ("streams/lptem_nanorods/frames", (1024, 1024)),
        ("labelled/nasa_superalloy_sem/images", None),
    ],
)
def test_real_micrographs_are_segmented_in_every_pixel(tmp_path, name, shape):
    sets = ["embed.backend=null", "log.level=error", "chips.size_px=64"]
    assert segment(real(name), tmp_path / "out", "--frames", "2", sets=sets) == 0
    report = json.loads((tmp_path / "out" / "segmentation.json").read_text())
    with tifffile.TiffFile(tmp_path / "out" / "labels.tif") as tif:
        labels = [page.asarray() for page in tif.pages]
    assert len(labels) == len(report["frames"]) == 2
    for labels_YX, entry in zip(labels, report["frames"], strict=True):
        assert labels_YX.shape == (shape or tuple(entry["shape"]))
        assert labels_YX.min() >= 1
        assert sum(one["fraction"] for one in entry["communities"]) == pytest.approx(1.0)


def test_the_encoder_is_prepared_for_frames_of_the_files_shape(tmp_path, monkeypatch, stack_TYX):
    expected = []

    def assemble(configuration):
        expected.append((configuration.settings.service.frame_shape, configuration.hash))
        return plain(configuration)

    from scopeside import assembly

    plain = assembly.assemble
    monkeypatch.setattr(assembly, "assemble", assemble)
    save(tmp_path / "film.npy", stack_TYX)
    assert segment(tmp_path / "film.npy", tmp_path / "out") == 0
    _, report = written(tmp_path / "out")
    assert expected == [((96, 80), report["provenance"]["config"])]
