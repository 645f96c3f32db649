"""Arguments of `scopeside save`; saving itself is tested as processes."""

import pytest

from scopeside import cli


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--seconds", "0"], 2, "--seconds"),
        (["--results", "0"], 2, "--results"),
        (["--from", "nonsense"], 3, '"nonsense" cannot be connected'),
        (["--frames", "nonsense"], 3, '"nonsense" cannot be connected'),
        (["--client-key", "a.key"], 2, "--server-key"),
        (["--out", "absent/run.zarr"], 5, "in one that exists"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, monkeypatch, capsys, words, code, said):
    monkeypatch.chdir(tmp_path)
    given = ["save", f"--from=ipc://{tmp_path}/r", "--out", "run.zarr", *words]
    assert cli.main(given) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "run.zarr").exists()


def test_time_alone_ends_a_run_of_silence(tmp_path, capsys):
    words = ["save", "--from", f"ipc://{tmp_path}/r", "-o", str(tmp_path / "run.zarr")]
    assert cli.main([*words, "--seconds", "0.1"]) == 0
    assert "saved 0 results" in capsys.readouterr().out
