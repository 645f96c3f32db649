"""A saved run is whole at every moment, and says what it is in the words of OME-NGFF."""

import json
import os
from contextlib import nullcontext

import numpy as np
import pytest
import zarr

from contract_messages import community
from recorded import file_size_limit
from saved import PERIOD_NS, labels_of, save, saved_message
from scopeside.errors import InputFileError, OutputError
from scopeside.saving.reader import open_run
from scopeside.saving.store import RunStore


def attrs(path):
    return json.loads((path / ".zattrs").read_text())


def test_what_was_published_is_what_is_read(tmp_path):
    frames = [np.full((6, 8), 1000 * n, ">u2") for n in range(5)]
    path = save(
        tmp_path / "run.zarr",
        *(saved_message(n, labels=labels_of(n), image=frames[n], dose=1e22 * n) for n in range(5)),
    )
    run = open_run(path)
    (image,) = run.images
    assert run.closed
    assert (image.series, image.length, image.shape) == ("run-1", 5, (6, 8))
    for n in range(5):
        np.testing.assert_array_equal(image.labels[n], labels_of(n))
        np.testing.assert_array_equal(image.image_YX(n), frames[n])
    assert (image.confidence[:] == 200).all()
    rows = list(image.rows())
    assert [row["frame"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[3]["dose_e_per_m2"] == 3e22
    assert rows[3]["communities"][0]["mean_intensity"] == 123.5
    assert rows[3]["user"] == {"note": "echoed"}
    assert not {"labels", "confidence"} & rows[3].keys()


def test_the_metadata_is_that_of_ngff_with_units_colours_and_names(tmp_path):
    named = [community(1, name="amorphous", color=(10, 20, 30)), community(7, color=(4, 5, 6))]
    path = save(
        tmp_path / "run.zarr",
        *(
            saved_message(n, image=labels_of(n), size=(2e-10, 1e-10), communities=named)
            for n in range(4)
        ),
    )
    assert attrs(path)["bioformats2raw.layout"] == 3
    for group, dataset in ((path / "0", "0"), (path / "0/labels/communities", "0")):
        (multiscale,) = attrs(group)["multiscales"]
        assert [axis.get("unit") for axis in multiscale["axes"]] == [
            "second",
            "nanometer",
            "nanometer",
        ]
        ((scale,),) = [one["coordinateTransformations"] for one in multiscale["datasets"]]
        assert scale["scale"] == pytest.approx([PERIOD_NS / 1e9, 0.2, 0.1])
        assert multiscale["datasets"][0]["path"] == dataset
    label = attrs(path / "0/labels/communities")["image-label"]
    assert label["colors"] == [
        {"label-value": 1, "rgba": [10, 20, 30, 255]},
        {"label-value": 7, "rgba": [4, 5, 6, 255]},
    ]
    assert label["properties"] == [
        {"label-value": 1, "id": 1, "name": "amorphous"},
        {"label-value": 7, "id": 7, "name": "community 7"},
    ]
    ((provenance),) = attrs(path / "0")["scopeside"]["provenance"]
    assert provenance["from_index"] == 0
    assert provenance["provenance"]["weights"]["sha256"] == "0" * 64


def test_without_frames_the_confidence_is_the_image_and_nothing_pretends_a_scale(tmp_path):
    path = save(tmp_path / "run.zarr", saved_message(0))
    (multiscale,) = attrs(path / "0")["multiscales"]
    assert multiscale["datasets"][0]["path"] == "confidence/0"
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [1.0, 1.0, 1.0]
    assert all("unit" not in axis for axis in multiscale["axes"])
    assert open_run(path).images[0].image_YX(0) is None


def test_another_series_shape_kind_or_calibration_has_an_image_of_its_own(tmp_path):
    wide = np.ones((6, 9), "<u2")
    path = save(
        tmp_path / "run.zarr",
        saved_message(0, image=labels_of(0), size=(1e-9, 1e-9)),
        saved_message(1, labels=wide),
        saved_message(2, image=labels_of(2)),  # back to the first shape: the first image goes on
        saved_message(3, labels=wide),
        saved_message(4, image=labels_of(4).astype("u1")),
        saved_message(5, image=labels_of(5), size=(2e-9, 2e-9)),
        saved_message(0, series="run-2"),
        saved_message(0, series="run-2"),  # a service that was started anew counts anew
    )
    found = [
        (image.series, image.shape, [row["frame"] for row in image.rows()])
        for image in open_run(path).images
    ]
    assert found == [
        ("run-1", (6, 8), [0, 2]),
        ("run-1", (6, 9), [1, 3]),
        ("run-1", (6, 8), [4]),
        ("run-1", (6, 8), [5]),
        ("run-2", (6, 8), [0]),
        ("run-2", (6, 8), [0]),
    ]


def test_a_frame_that_was_not_seen_reads_as_zeros_and_says_so(tmp_path):
    path = save(tmp_path / "run.zarr", saved_message(0), saved_message(1, image=labels_of(1)))
    (image,) = open_run(path).images
    assert (image.image_YX(0) == 0).all()
    np.testing.assert_array_equal(image.image_YX(1), labels_of(1))
    assert [row["frame_saved"] for row in image.rows()] == [False, True]


def test_a_live_setting_that_changes_begins_another_provenance(tmp_path):
    other = {"version": "0.1.0", "config": "other"}
    path = save(
        tmp_path / "run.zarr",
        saved_message(0),
        saved_message(1),
        saved_message(2, provenance=other),
    )
    provenance = open_run(path).images[0].provenance
    assert [one["from_index"] for one in provenance] == [0, 2]
    assert provenance[1]["provenance"] == other


class KilledError(Exception):
    """In place of a signal that ends the process here."""


CHANGES = 10
"""Files that come into place for one frame: three chunks, four attributes, three shapes."""


@pytest.mark.parametrize("changes", range(CHANGES + 1))
def test_a_reader_never_sees_half_a_frame_wherever_the_writer_stops(tmp_path, changes, monkeypatch):
    def message(n, **changed):
        return saved_message(n, labels=labels_of(n), image=labels_of(n + 9), **changed)

    store = RunStore(tmp_path / "run.zarr", source="x")
    store.append([message(n) for n in range(3)])
    replace, left = os.replace, changes

    def replace_if_alive(*args):
        nonlocal left
        if left == 0:
            raise KilledError
        left -= 1
        return replace(*args)

    monkeypatch.setattr(os, "replace", replace_if_alive)
    killed = changes < CHANGES
    with pytest.raises(KilledError) if killed else nullcontext():
        store.append([message(3, communities=[community(9)])])

    run = open_run(tmp_path / "run.zarr")
    (image,) = run.images
    assert not run.closed
    assert image.length == len(list(image.rows())) == (3 if killed else 4)
    for n in range(image.length):
        np.testing.assert_array_equal(image.labels[n], labels_of(n))
        np.testing.assert_array_equal(image.image_YX(n), labels_of(n + 9))
        assert (image.confidence[n] == 200).all()
    assert image.colors().keys() >= {row["communities"][0]["id"] for row in image.rows()}


def test_results_that_were_dropped_are_counted_in_the_run(tmp_path):
    path = save(
        tmp_path / "run.zarr", saved_message(0, dropped=2), saved_message(3), dropped_after=4
    )
    assert open_run(path).not_saved == 6


@pytest.mark.parametrize("too_big", ["image", "labels"])
def test_a_full_disk_is_one_sentence_and_what_was_saved_is_whole(tmp_path, too_big):
    big = np.random.default_rng(0).integers(0, 65536, (200, 300)).astype("<u2")
    small = np.ones((200, 300), "<u2")
    store = RunStore(tmp_path / "run.zarr", source="x")
    store.append([saved_message(0, labels=small, image=small)])
    with (
        file_size_limit(50_000),
        pytest.raises(OutputError, match=r"The disk of .*run\.zarr is full"),
    ):
        store.append([saved_message(1, **{"labels": small, "image": small, too_big: big})])
    run = open_run(tmp_path / "run.zarr")
    assert run.end.startswith("not closed: The disk of ")
    (image,) = run.images
    assert image.length == 1
    # What came to the disk of the second frame before it was full is taken away again.
    chunks = [one for one in image.path.rglob("0/0") if one.is_file()]
    assert [one.parents[1].name for one in chunks] == ["0", "0", "0"]
    np.testing.assert_array_equal(image.image_YX(0), small)
    assert not list((tmp_path / "run.zarr").rglob("*.partial"))


def test_a_run_whose_source_was_killed_says_so(tmp_path):
    store = RunStore(tmp_path / "run.zarr", source="x")
    store.append([saved_message(0)])
    assert open_run(tmp_path / "run.zarr").end.startswith("not closed: being written")
    store.close(dropped_after=None)
    assert open_run(tmp_path / "run.zarr").end == (
        "not closed: The program that its results came from ended before it."
    )


def test_a_run_is_never_replaced_and_needs_a_folder_that_exists(tmp_path):
    save(tmp_path / "run.zarr", saved_message(0))
    with pytest.raises(OutputError, match="exists already"):
        RunStore(tmp_path / "run.zarr", source="x")
    with pytest.raises(OutputError, match="in one that exists"):
        RunStore(tmp_path / "absent/run.zarr", source="x")


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(InputFileError, match="cannot be read"):
        open_run(tmp_path / "absent.zarr")
    zarr.open_group(str(tmp_path / "other.zarr"), mode="w").attrs.put({"a": 1})
    with pytest.raises(InputFileError, match="no run"):
        open_run(tmp_path / "other.zarr")
    path = save(tmp_path / "run.zarr", saved_message(0))
    text = (path / ".zattrs").read_text().replace('"version": 1', '"version": 2')
    (path / ".zattrs").write_text(text)
    with pytest.raises(InputFileError, match="version 2"):
        open_run(path)


def test_a_damaged_line_is_said_with_its_file(tmp_path):
    path = save(tmp_path / "run.zarr", saved_message(0), saved_message(1))
    rows = path / "0/frames.jsonl"
    rows.write_text(rows.read_text().replace('"index": 1', '"index": 5'))
    with pytest.raises(InputFileError, match=r"frames\.jsonl cannot be read: line 2"):
        list(open_run(path).images[0].rows())


def test_a_frame_without_its_line_is_said_and_not_left_out(tmp_path):
    path = save(tmp_path / "run.zarr", saved_message(0), saved_message(1))
    rows = path / "0/frames.jsonl"
    rows.write_text(rows.read_text().splitlines(keepends=True)[0])
    with pytest.raises(InputFileError, match=r"frames\.jsonl cannot be read: 2 frames have 1"):
        list(open_run(path).images[0].rows())


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("0/labels/communities/0/.zarray", "{}"),
        ("0/confidence/0/.zarray", None),
        ("0/labels/communities/.zattrs", "{}"),
        (".zgroup", None),
        (".zattrs", '{"scopeside": {"format": "scopeside-run", "version": 1}}'),
    ],
)
def test_a_run_whose_description_is_damaged_is_one_sentence(tmp_path, file, content):
    path = save(tmp_path / "run.zarr", saved_message(0))
    if content is None:
        (path / file).unlink()
    else:
        (path / file).write_text(content)
    with pytest.raises(InputFileError, match="is damaged"):
        open_run(path).images[0].colors()
