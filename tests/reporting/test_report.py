"""The report is one page that needs nothing else, and says what the run holds."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from contract_messages import accounting, community
from saved import front, labels_of, save, saved_message
from scopeside.errors import InputFileError
from scopeside.reporting import pictures
from scopeside.reporting.report import report
from scopeside.reporting.story import Story
from scopeside.saving.reader import open_run
from scopeside.view.overlay import grey


def frame(n, *, dose=True, **changes):
    return saved_message(
        n,
        labels=labels_of(n, (60, 80)),
        image=np.full((60, 80), 100 + n, "<u2"),
        dose=1e22 * n if dose else None,
        communities=[
            community(1, name="a <b>", fraction=n / 10, entropy_bits=4.0 + n),
            community(2, fraction=1 - n / 10, entropy_bits=None),
            community(3, fraction=0.0),
        ],
        fronts=[front(2.0 * n, between=(1, 2), speed_px_per_frame=2.0 if n else None)],
        accounting=accounting(n + 1, dropped={"overload": 2}),
        **changes,
    )


class Page(HTMLParser):
    """The headings, texts and references of a page."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.cells, self.references, self._tag = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._tag = tag
        self.references += [
            value
            for key, value in attrs
            if key in ("src", "href", "xlink:href") and not value.startswith("#")
        ]

    def handle_data(self, data):
        if self._tag in ("h2", "td") and data.strip():
            (self.headings if self._tag == "h2" else self.cells).append(data.strip())


@pytest.fixture
def page(tmp_path):
    path = save(tmp_path / "run.zarr", *(frame(n) for n in range(8)), dropped_after=3)
    text = report(open_run(path))
    return Page(text), text


def test_the_page_tells_every_part_of_a_run(page):
    parsed, text = page
    assert parsed.headings == [
        "Run",
        "Frames and communities",
        "What it is",
        "Communities",
        "Descriptors",
        "Fronts",
        "Latency",
        "Books",
        "Provenance",
    ]
    cells = " ".join(parsed.cells)
    assert "8, numbered 0 to 7" in cells
    assert "60 x 80 px" in cells
    assert "dropped as overload" in cells
    assert parsed.cells[parsed.cells.index("results not saved") + 1] == "3"
    assert text.count("<svg") == 4


def test_the_page_needs_nothing_but_itself(page):
    parsed, text = page
    assert all(one.startswith("data:image/jpeg;base64,") for one in parsed.references)
    assert not re.search(r"@import|url\((?!#)|<script|<link", text)
    assert "<b>" not in text.replace("</b>", "")  # names are somebody's text, and no markup


@pytest.mark.parametrize(
    ("dose", "t_ns", "label"),
    [(True, None, "dose"), (False, None, "time"), (False, 5, "frame")],
)
def test_the_axis_is_dose_else_time_else_frames(tmp_path, dose, t_ns, label):
    changes = {} if t_ns is None else {"t_ns": t_ns}
    path = save(tmp_path / "run.zarr", *(frame(n, dose=dose, **changes) for n in range(3)))
    (image,) = open_run(path).images
    axis = Story(image=image, rows=list(image.rows())).axis
    assert label in axis.label
    steps = {"dose": 1e22, "time": 0.5, "frame": 1.0}
    assert list(axis.values) == pytest.approx([0, steps[label], 2 * steps[label]])


def test_a_measure_is_drawn_where_it_has_a_number(tmp_path):
    path = save(tmp_path / "run.zarr", *(frame(n) for n in range(3)))
    (image,) = open_run(path).images
    story = Story(image=image, rows=list(image.rows()))
    (entropy,) = story.curves("entropy_bits")
    assert (entropy.title, list(entropy.y)) == ("a <b>", [4.0, 5.0, 6.0])
    (speed,) = story.fronts("speed_px_per_frame")
    assert list(speed.y) == [2.0, 2.0]
    assert "entropy_bits" in story.measures


def test_one_frame_and_no_frame_make_a_page_too(tmp_path):
    one = report(open_run(save(tmp_path / "one.zarr", saved_message(0))))
    none = report(open_run(save(tmp_path / "none.zarr")))
    assert "numbered 0 to 0" in one
    assert Page(none).headings == ["Run"]


def test_frames_after_a_line_that_is_left_out_keep_their_pictures_and_counts(tmp_path, monkeypatch):
    path = save(tmp_path / "run.zarr", *(frame(n) for n in range(4)))
    lines = (path / "0/frames.jsonl").read_text().splitlines()
    lines[1] = '{"index": 1}'
    (path / "0/frames.jsonl").write_text("\n".join(lines) + "\n")
    shown = []

    def noted(frame_YX):
        shown.append(int(frame_YX[0, 0]))
        return grey(frame_YX)

    monkeypatch.setattr(pictures, "grey", noted)
    cells = Page(report(open_run(path))).cells
    assert shown == [100, 102, 103]
    left_out = cells.index("segmented between the first and the last, and not in this image")
    assert cells[left_out + 1] == "0"


def test_a_damaged_chunk_is_one_sentence(tmp_path):
    path = save(tmp_path / "run.zarr", frame(0), frame(1))
    (path / "0/labels/communities/0/1/0/0").write_bytes(b"no chunk")
    with pytest.raises(InputFileError, match="is damaged"):
        report(open_run(path))
