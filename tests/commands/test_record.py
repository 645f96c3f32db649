"""Arguments of `scopeside record`; recordings themselves are tested as processes."""

import pytest

from scopeside import cli


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--seconds", "0"], 2, "--seconds"),
        (["--messages", "0"], 2, "--messages"),
        (["--from", "nonsense"], 3, '"nonsense" cannot be connected'),
        (["--server-key", "a.key"], 2, "--client-key"),
        (["--out", "absent/run.h5"], 5, "folder that exists"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, monkeypatch, capsys, options, code, said):
    monkeypatch.chdir(tmp_path)
    words = ["record", "--from", f"ipc://{tmp_path}/f", "--out", "run.h5"]
    assert cli.main([*words, *options]) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "run.h5").exists()


@pytest.mark.parametrize(
    ("text", "size"), [("100", 100), ("2GB", 2 * 10**9), ("1.5 MiB", 1572864), ("3kb", 3000)]
)
def test_sizes_are_written_as_people_do(text, size):
    from scopeside.commands.byte_size import byte_size

    assert byte_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "2 apples", "GB"])
def test_what_is_no_size_is_a_wrong_argument(text, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["record", "-o", "run.h5", f"--split={text}"])
    assert ended.value.code == 2
    assert "no size" in capsys.readouterr().err


def test_time_alone_ends_a_recording_of_silence(tmp_path, capsys):
    words = ["record", "--from", f"ipc://{tmp_path}/f", "-o", str(tmp_path / "run.h5")]
    assert cli.main([*words, "--seconds", "0.1"]) == 0
    assert "recorded 0 messages of 0 in 1 file" in capsys.readouterr().out
