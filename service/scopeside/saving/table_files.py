"""Writes the tables of a run: one CSV or Parquet file each, in a folder."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from scopeside.csv_cells import as_text, text_row
from scopeside.errors import MissingExtraError, OutputError
from scopeside.saving.tables import Table


def write_csv(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write UTF-8 with a header, an absent cell empty, no text a formula; return the files.

    Raises OutputError where a file exists, since nothing is replaced, or cannot be written.
    """
    return _write_all(tables, folder, ".csv", _csv)


def write_parquet(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write the same as Parquet; MissingExtraError where pyarrow is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Writing Parquet needs the Python package '{error.name}', which is not installed: run "
            "`pip install 'scopeside[parquet]'`, or write CSV."
        ) from error
    return _write_all(tables, folder, ".parquet", _parquet)


def _write_all(
    tables: Sequence[Table], folder: Path, ending: str, write: Callable[[Table, Path], None]
) -> list[Path]:
    files = [folder / f"{table.name}{ending}" for table in tables]
    for file in files:
        if file.exists():
            raise OutputError(f"{file} exists already: an export never replaces a file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table, file in zip(tables, files, strict=True):
            write(table, file)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): name a folder that you may "
            "write to, on a disk with room."
        ) from error
    return files


def _csv(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table.columns, restval="")
        writer.writerow({column: as_text(column) for column in table.columns})
        writer.writerows(map(text_row, table.rows))


def _parquet(table: Table, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = {name: [row.get(name) for row in table.rows] for name in table.columns}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
