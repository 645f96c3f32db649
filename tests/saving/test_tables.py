"""The tables of a run hold every figure of every result, and come back from their files."""

import csv

import pytest

from contract_messages import accounting, community
from saved import front, labels_of, save, saved_message
from scopeside.errors import OutputError
from scopeside.saving.reader import open_run
from scopeside.saving.table_files import write_csv, write_parquet
from scopeside.saving.tables import Table, tables


@pytest.fixture
def run(tmp_path):
    both = [
        community(1, name="amorphous", fraction=0.25, entropy_bits=4.5),
        community(7, fraction=0.75, stage_m=[1e-6, 2e-6], entropy_bits=None),
    ]
    books = accounting(2, dropped={"overload": 3})
    return open_run(
        save(
            tmp_path / "run.zarr",
            saved_message(0, image=labels_of(0), dose=0.0, size=(1e-9, 2e-9)),
            saved_message(1, communities=both, fronts=[front(12.5)], accounting=books),
        )
    )


def test_every_frame_community_and_front_has_a_row(run):
    frames, communities, fronts = tables(run)
    assert [row["frame"] for row in frames.rows] == [0, 1]
    assert (frames.rows[0]["pixel_size_y_m"], frames.rows[0]["pixel_size_x_m"]) == (1e-9, 2e-9)
    assert frames.rows[0]["stage_embed_s"] == 0.2
    assert frames.rows[0]["stage_x_m"] == 1e-6
    assert "dropped_overload" not in frames.rows[0]
    assert frames.rows[1]["dropped_overload"] == 3
    assert [(row["frame"], row["id"], row["fraction"]) for row in communities.rows] == [
        (0, 1, 1.0),
        (1, 1, 0.25),
        (1, 7, 0.75),
    ]
    assert communities.rows[1]["entropy_bits"] == 4.5
    assert (communities.rows[1]["stage_x_m"], communities.rows[2]["stage_x_m"]) == (None, 1e-6)
    assert communities.rows[0]["bbox_x1_px"] == 30
    (line,) = fronts.rows
    assert (line["first"], line["second"], line["normal_x"]) == (1, 7, 1.0)
    assert (line["frame"], line["position_px"]) == (1, 12.5)


def test_csv_has_a_header_and_empty_cells_for_what_is_absent(run, tmp_path):
    files = write_csv(tables(run), tmp_path / "tables")
    assert [file.name for file in files] == ["frames.csv", "communities.csv", "fronts.csv"]
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["dropped_overload"] for row in rows] == ["", "3"]
    assert [float(row["service_s"]) for row in rows] == [0.25, 0.25]
    with pytest.raises(OutputError, match=r"frames\.csv exists already"):
        write_csv(tables(run), tmp_path / "tables")


@pytest.mark.parametrize("name", ["=1+1", "+amorphous", "-", "@here", "\tcell", "\rcell"])
def test_a_name_is_no_formula_in_a_spreadsheet_and_a_negative_number_is_a_number(tmp_path, name):
    one = community(1, name=name, mean_intensity=-2.5)
    run = open_run(save(tmp_path / "run.zarr", saved_message(0, communities=[one])))
    _, communities, _ = write_csv(tables(run), tmp_path / "tables")
    with communities.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["name"] == "'" + name
    assert row["mean_intensity"] == "-2.5"


def test_a_column_is_no_formula_either(tmp_path):
    (path,) = write_csv((Table("frames", [{"frame": 1, "=cmd()": 2}]),), tmp_path / "tables")
    assert path.read_text().splitlines() == ["frame,'=cmd()", "1,2"]


def test_a_run_without_fronts_has_a_table_of_a_header_alone(tmp_path):
    run = open_run(save(tmp_path / "run.zarr", saved_message(0)))
    *_, fronts = write_csv(tables(run), tmp_path / "tables")
    assert fronts.read_text().split() == ["image,index,series,frame,t_ns,dose_e_per_m2"]


def test_parquet_keeps_numbers_as_numbers(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    made = tables(run)
    files = write_parquet(made, tmp_path / "tables")
    for table, file in zip(made, files, strict=True):
        read = parquet.read_table(file)
        assert read.column_names == table.columns
        assert read.to_pylist() == [
            {name: row.get(name) for name in table.columns} for row in table.rows
        ]


def test_a_folder_that_cannot_be_made_is_one_sentence(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="name a folder"):
        write_csv(tables(run), tmp_path / "file" / "tables")
