"""What a line of a run says, and what is told of one that another program has changed."""

import json

import pytest

from contract_messages import community
from saved import front, save, saved_message
from scopeside.saving.row import lacking


@pytest.fixture
def row(tmp_path):
    two = [community(1), community(2)]
    path = save(tmp_path / "run.zarr", saved_message(0, communities=two, fronts=[front(2.0)]))
    return json.loads((path / "0/frames.jsonl").read_text())


def test_a_line_as_we_write_it_is_whole_and_so_is_one_of_a_service_without_fronts(row):
    assert lacking(row) is None
    del row["fronts"]
    assert lacking(row) is None


@pytest.mark.parametrize("key", ["index", "series", "communities", "timing", "provenance"])
def test_a_key_that_is_not_there_is_named(row, key):
    del row[key]
    assert lacking(row) == key


def test_one_community_that_lacks_a_key_is_enough(row):
    del row["communities"][1]["color"]
    assert lacking(row) == "communities.color"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("communities", None, "communities.id"),
        ("communities", {}, "communities.id"),
        ("timing", [], "timing.service_s"),
        ("accounting", [], "accounting.segmented"),
        ("fronts", [5], "fronts.between"),
    ],
)
def test_what_is_there_in_another_form_lacks_its_parts(row, key, value, told):
    row[key] = value
    assert lacking(row) == told
