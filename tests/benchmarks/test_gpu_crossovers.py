"""Which engine is taken for how many chips, of what a card was measured to do."""

from __future__ import annotations

import json

import pytest

from gpu_crossovers import steps, write_crossovers
from scopeside.device.engines.crossovers import read


def row(nodes, engine, p50_ms, *, distinct=1, modularity=0.8):
    return {
        "nodes": nodes,
        "engine": engine,
        "p50_ms": p50_ms,
        "distinct": distinct,
        "modularity": modularity,
    }


def test_the_fastest_engine_is_taken_up_to_where_another_is():
    rows = [
        *(row(nodes, "kernel", nodes / 1000) for nodes in (256, 1024, 4096)),
        *(row(nodes, "cpu", 2.0) for nodes in (256, 1024, 4096)),
    ]
    assert steps(rows) == [
        {"up_to_chips": 1024, "engine": "kernel"},
        {"up_to_chips": None, "engine": "cpu"},
    ]


@pytest.mark.parametrize("flaw", [{"distinct": 2}, {"modularity": 0.7}])
def test_an_engine_that_is_unsteady_or_worse_is_not_taken_however_fast(flaw):
    rows = [row(256, "cugraph", 0.1, **flaw), row(256, "kernel", 0.9), row(256, "cpu", 3.0)]
    assert steps(rows) == [{"up_to_chips": None, "engine": "kernel"}]


def test_where_only_an_unsteady_engine_is_good_the_best_steady_one_is_taken():
    rows = [
        row(256, "cugraph", 0.1, distinct=7, modularity=0.9),
        row(256, "kernel", 0.9, modularity=0.85),
        row(256, "cpu", 0.5, modularity=0.8),
    ]
    assert steps(rows) == [{"up_to_chips": None, "engine": "kernel"}]


def test_sizes_at_which_nothing_is_steady_have_no_step_and_write_nothing(tmp_path):
    unsteady = row(256, "cugraph", 0.1, distinct=7)
    assert steps([unsteady]) == []
    assert steps([unsteady, row(512, "cpu", 1.0)]) == [{"up_to_chips": None, "engine": "cpu"}]
    path = tmp_path / "crossovers.json"
    path.write_text('{"measured": false, "cards": {}}')
    write_crossovers(path, "Card 7", [unsteady], date="2030-01-02")
    assert json.loads(path.read_text()) == {"measured": False, "cards": {}}


def test_what_was_not_measured_or_is_no_choice_counts_for_nothing():
    rows = [
        {"nodes": 256, "engine": "cugraph", "lacks": "cupy"},
        {"nodes": 256, "engine": "", "p50_ms": 0.1},
        row(256, "cpu", 3.0),
    ]
    assert steps(rows) == [{"up_to_chips": None, "engine": "cpu"}]


def test_a_card_gets_its_rows_and_the_default_ones_stay(tmp_path):
    path = tmp_path / "crossovers.json"
    guess = [{"up_to_chips": None, "engine": "kernel"}]
    path.write_text(
        json.dumps({"measured": False, "note": "A guess.", "cards": {"default": guess}})
    )
    write_crossovers(path, "Card 7", [row(256, "cpu", 1.0)], date="2030-01-02")
    table = json.loads(path.read_text())
    assert table["cards"]["default"] == guess
    assert table["dates"] == {"Card 7": "2030-01-02"}
    assert read(table, "Card 7").measured
    assert read(table, "Card 7").engine(9) == "cpu"
    assert not read(table, "Card 8").measured
