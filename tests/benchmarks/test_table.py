"""The pages show what the result files say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_script(name):
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = load_script("table")

AIM = {
    "what": "label map, 1024 x 1024",
    "sense": "at most",
    "limit": 8.0,
    "unit": "ms",
    "measured": 2.5,
    "met": True,
}
REPORT = {
    "question": "How fast?",
    "how": "By hand.",
    "date": "2026-01-02T03:04+00:00",
    "machine": {"processor": "A", "cores": 2, "memory_gib": 8.0},
    "versions": {"numpy": "2"},
    "aims": [AIM],
    "tables": [{"title": "Times", "rows": [{"stage": "graph", "p50_ms": 1.23456}]}],
    "notes": ["Mind the gap."],
}


def test_committed_pages_are_those_of_the_committed_results():
    results = table.load()
    assert table.PAGE.read_text("utf-8") == table.page(results), "run benchmarks/table.py"
    readme = table.README.read_text("utf-8")
    assert readme == table.with_speed(readme, results), "run benchmarks/table.py"


def test_every_committed_result_names_its_machine_and_its_versions():
    results = table.load()
    assert results
    for name, result in results.items():
        machine = result["machine"] | result.get("versions", {})
        assert machine["cores"] >= 1, name
        assert machine["python"], name
        assert "date" in result or "date" in machine, name


def test_whether_an_aim_is_met_follows_from_its_numbers():
    for name, result in table.load().items():
        for aim in result.get("aims", []):
            measured, limit = aim["measured"], aim["limit"]
            met = {
                "at most": measured <= limit,
                "at least": measured >= limit,
                "above": measured > limit,
            }
            assert aim["met"] is met[aim["sense"]], f"{name}: {aim['what']}"


def test_page_holds_question_aims_tables_and_notes():
    page = table.page({"one": REPORT})
    assert "## How fast?" in page
    assert "| Label map, 1024 x 1024 | 2.5 ms | at most 8 ms | yes |" in page
    assert "| stage | p50, ms |\n|---|---|\n| graph | 1.235 |" in page
    assert "Mind the gap." in page


def test_an_aim_that_is_missed_stands_out():
    missed = REPORT | {"aims": [AIM | {"measured": 9.0, "met": False}]}
    assert "| 9 ms | at most 8 ms | **no** |" in table.speed({"stages": missed})


def test_rows_that_differ_in_their_keys_share_one_table():
    assert table.table([{"a": 1}, {"b": None, "a": 2.0}]) == (
        "| a | b |\n|---|---|\n| 1 |  |\n| 2 |  |\n"
    )


def test_a_median_is_shown_with_its_spread():
    value = {"median": 10.0, "p20": 9.5, "p80": 12.25, "max": 99.0, "n": 5}
    assert table.cell(value) == "10 (9.5 to 12.25)"


@pytest.mark.parametrize(
    ("key", "shown"),
    [("frames_per_s", "frames/s"), ("p99_ms", "p99, ms"), ("side_px", "side, px"), ("n", "n")],
)
def test_a_unit_stands_apart_from_its_quantity(key, shown):
    assert table.label(key) == shown


def test_only_what_lies_between_the_markers_changes():
    before = f"above\n{table.BEGIN}\nold | table\n{table.END}\nbelow\n"
    after = table.with_speed(before, {"stages": REPORT})
    assert after.startswith(f"above\n{table.BEGIN}\nMeasured by `make bench` on A, 2 cores, 8 GiB")
    assert after.endswith(f"{table.END}\nbelow\n")
    assert "old | table" not in after
    assert table.with_speed(after, {"stages": REPORT}) == after


def test_a_readme_without_markers_is_refused():
    with pytest.raises(SystemExit, match="speed:begin"):
        table.with_speed("nothing here\n", {"one": REPORT})


def test_without_any_measurement_the_readme_says_so():
    assert "Not measured yet" in table.speed({})


def test_results_of_another_shape_show_their_lists_of_rows(tmp_path):
    other = {"machine": {"cores": 2, "python": "3"}, "timing": [{"candidate": "x", "wall_ms": 3}]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    page = table.page(table.load(tmp_path))
    assert "## Other\n" in page
    assert "### Timing\n\n| candidate | wall, ms |\n|---|---|\n| x | 3 |" in page


def named(what: str) -> dict:
    return REPORT | {"aims": [AIM | {"what": what}]}


def test_the_readme_says_which_command_measures_what() -> None:
    shown = table.speed({"stages": named("haste"), "irradiation": named("truth")})
    fast, right = shown.split("Measured by `make bench-quality`")
    assert fast.startswith("Measured by `make bench` on A")
    assert "Haste" in fast
    assert "Truth" not in fast
    assert "Truth" in right


def test_the_readme_leaves_out_what_other_pages_tell() -> None:
    results = {"stages": REPORT, "quality": named("beauty")}
    assert "Beauty" not in table.speed(results)
    assert "Beauty" in table.page(results)


def test_what_make_bench_runs_is_what_the_readme_says_it_measures(monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    assert load_script("run").NAMES == table.SPEED
