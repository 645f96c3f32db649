"""Fetching into the cache: nothing unchecked is ever kept under the name of a checkpoint."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading

import pytest

from faulty_server import BODY
from scopeside.checkpoints.digests import note_beside, noted, take_note
from scopeside.checkpoints.download import Patience
from scopeside.checkpoints.fetch import fetch
from scopeside.checkpoints.locate import checkpoint, located
from scopeside.errors import OutputError, WeightsError

HASH = hashlib.sha256(BODY).hexdigest()
OTHER = "1" * 64


def good(path):
    """A check that every file passes."""


def bad(path):
    raise WeightsError(f"{path} is not a ResNet50.")


def get(url, cache, *, sha256=None, check=good, attempts=3):
    return fetch(
        url,
        cache=cache,
        sha256=sha256,
        check=check,
        report=lambda here, total: None,
        patience=Patience(stall_s=60.0, attempts=attempts, pause_s=0.0),
    )


def kept(cache):
    """What is in the cache besides the lock, by the ends of the names."""
    names = [path.name for path in (cache / "weights").iterdir()]
    return sorted(name.partition("resnet50")[2] for name in names if not name.endswith(".lock"))


def test_what_was_fetched_is_in_its_place_with_its_hash_noted(server, tmp_path):
    fetched = get(server.url, tmp_path)
    assert (fetched.name, fetched.sha256, fetched.was_here) == ("resnet50.pth.tar", HASH, False)
    assert fetched.path.read_bytes() == BODY
    assert noted(fetched.path) == HASH
    assert located(server.url, cache=tmp_path).path == fetched.path
    assert kept(tmp_path) == [".pth.tar", ".pth.tar.sha256"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_folder_is_the_users_alone(server, tmp_path):
    assert get(server.url, tmp_path).path.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_here_is_not_asked_for_again(server, tmp_path):
    get(server.url, tmp_path)
    assert get(server.url, tmp_path).was_here
    assert len(server.asked) == 1


def test_a_file_put_there_by_hand_is_checked_and_its_hash_noted(server, tmp_path):
    path = checkpoint(server.url, cache=tmp_path).path
    path.parent.mkdir()
    path.write_bytes(BODY)
    checked = []
    assert get(server.url, tmp_path, check=checked.append).was_here
    assert checked == [path]
    assert noted(path) == HASH
    assert server.asked == []


def test_a_file_that_was_damaged_since_is_fetched_anew_and_that_is_said(server, tmp_path, caplog):
    path = get(server.url, tmp_path).path
    path.write_bytes(BODY[:-1])
    assert not get(server.url, tmp_path).was_here
    assert path.read_bytes() == BODY
    assert "fetched anew" in caplog.text


def test_a_file_with_another_hash_than_the_pinned_one_is_not_kept(server, tmp_path):
    with pytest.raises(WeightsError) as refused:
        get(server.url, tmp_path, sha256=OTHER)
    assert str(refused.value) == (
        f"What {server.url} sent was refused: its SHA-256 is {HASH}, not {OTHER},"
        " as embed.weights_sha256 (or --sha256) says."
    )
    assert kept(tmp_path) == []


def test_a_pinned_hash_may_be_written_in_capitals(server, tmp_path):
    assert get(server.url, tmp_path, sha256=HASH.upper()).sha256 == HASH


def test_a_publisher_who_changes_the_file_is_noticed_and_the_pin_accepts_it(server, tmp_path):
    path = get(server.url, tmp_path).path
    path.unlink()
    server.body = BODY[::-1]
    new = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(WeightsError, match=r"\.sha256 says \(delete that note only if you trust"):
        get(server.url, tmp_path)
    assert not path.exists()
    assert noted(path) == HASH
    assert get(server.url, tmp_path, sha256=new).sha256 == noted(path) == new


def test_a_file_that_fails_the_check_is_not_kept_nor_noted(server, tmp_path):
    with pytest.raises(WeightsError, match="is not a ResNet50"):
        get(server.url, tmp_path, check=bad)
    assert kept(tmp_path) == []


def test_a_refused_file_leaves_the_good_one_that_was_there(server, tmp_path):
    path = get(server.url, tmp_path).path
    with pytest.raises(WeightsError):
        get(server.url, tmp_path, sha256=OTHER)
    assert path.read_bytes() == BODY
    assert noted(path) == HASH


def test_a_file_is_not_fetched_and_no_folder_is_made_for_it(tmp_path):
    with pytest.raises(WeightsError, match="only names and URLs can be fetched"):
        get(str(tmp_path / "new" / "mine.pth"), tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_an_output_error(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"set service\.cache"):
        get(server.url, tmp_path / "file")


def test_fetches_at_the_same_time_bring_the_file_once(server, tmp_path):
    fetched, go = [], threading.Barrier(4)

    def one():
        go.wait()
        fetched.append(get(server.url, tmp_path))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.sha256 for one in fetched} == {HASH}
    assert sorted(one.was_here for one in fetched) == [False, True, True, True]
    assert len(server.asked) == 1


FETCH = """
import sys
from pathlib import Path
from scopeside.checkpoints.fetch import fetch
def report(here, total):
    if here:
        print(here, flush=True)
fetch(sys.argv[1], cache=Path(sys.argv[2]), sha256=None, check=lambda path: None, report=report)
"""


def until_killed(server, cache, number):
    """Start a process that fetches, and end it with a signal when half of the file is there."""
    server.faults.append("stall")
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, server.url, str(cache)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == len(BODY) // 2:
            break
    process.send_signal(number)
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_fetch_that_was_killed_blocks_nobody_and_what_it_wrote_is_used(server, tmp_path, number):
    until_killed(server, tmp_path, number)
    assert ".pth.tar.part" in kept(tmp_path)
    assert get(server.url, tmp_path).sha256 == HASH
    if number == signal.SIGINT:
        assert server.ranges()[-1] == f"bytes={len(BODY) // 2}-"
    assert kept(tmp_path) == [".pth.tar", ".pth.tar.sha256"]


def test_a_note_that_is_left_alone_is_demanded_of_the_next_download(server, tmp_path):
    path = checkpoint(server.url, cache=tmp_path).path
    path.parent.mkdir()
    take_note(path, OTHER)
    with pytest.raises(WeightsError, match=note_beside(path).name):
        get(server.url, tmp_path)


def test_a_cache_where_nothing_can_be_locked_is_an_output_error(server, tmp_path):
    path = checkpoint(server.url, cache=tmp_path).path
    path.with_name(f"{path.name}.lock").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be locked: Is a directory"):
        get(server.url, tmp_path)
