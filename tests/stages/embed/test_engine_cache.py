"""The cache of engines: private, whole, and used only by what they were built for."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace

import pytest

from engine_samples import KEY, MACHINE
from scopeside.stages.embed import engine_cache
from scopeside.stages.embed.engine_cache import MAGIC, EngineCache, engines_folder, entries

ENGINE = bytes(range(256)) * 40  # with newlines in it


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "cache")


@pytest.fixture
def file(cache):
    cache.save(KEY, ENGINE, build_s=12.5)
    (path,) = cache.folder.iterdir()
    return path


def test_what_was_saved_is_loaded_by_another_instance(tmp_path, file):
    assert EngineCache(tmp_path / "cache").load(KEY) == ENGINE


def test_the_folder_is_private_and_the_file_is_no_pickle(cache, file):
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    data = file.read_bytes()
    assert data.startswith(MAGIC)
    assert data.endswith(ENGINE)
    header = json.loads(data[len(MAGIC) : -len(ENGINE)])
    assert header["key"]["machine"]["gpu"] == MACHINE.gpu
    assert header["size_bytes"] == len(ENGINE)


def test_what_was_never_built_is_absent_without_a_word(cache, file, caplog):
    assert cache.load(replace(KEY, precision="fp32")) is None
    assert caplog.text == ""


@pytest.mark.parametrize("part", ["tensorrt", "torch_tensorrt", "torch", "driver"])
def test_an_engine_from_before_an_update_is_not_loaded_and_one_line_says_why(
    cache, file, caplog, part
):
    now = replace(KEY, machine=replace(MACHINE, **{part: "9.9"}))
    assert cache.load(now) is None
    (record,) = caplog.records
    assert "the kept engine 4 x 1 x 64 x 64 pool fp16 is not used: it was built with " in (
        record.message
    )
    assert record.message.endswith(f"{getattr(MACHINE, part)}, now 9.9")


def test_a_rebuilt_engine_takes_the_place_of_the_stale_one(cache, file):
    now = replace(KEY, machine=replace(MACHINE, driver="600"))
    cache.save(now, b"new", build_s=1.0)
    assert cache.load(now) == b"new"
    assert list(cache.folder.iterdir()) == [file]


DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-1],
    "cut in the header": lambda data: data[: len(MAGIC) + 30],
    "a flipped bit": lambda data: data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
    "another magic": lambda data: b"scopeside-engine-0\n" + data[len(MAGIC) :],
    "no JSON": lambda data: MAGIC + b"{]\n" + ENGINE,
    "JSON of something else": lambda data: MAGIC + b'{"key": 1}\n' + ENGINE,
    "no line's end": lambda data: MAGIC + b"x" * (engine_cache.MOST_HEADER_BYTES + 10),
    "a digest that is none": lambda data: data.replace(b'"sha256":"', b'"sha256":"zz'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_counts_as_absent_with_one_line(cache, file, caplog, damage):
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert cache.load(KEY) is None
    (record,) = caplog.records
    assert record.message.endswith("is not used: its file is damaged")


def test_a_header_that_belongs_to_another_engine_is_refused(cache, file, caplog):
    file.write_bytes(file.read_bytes().replace(b'"precision":"fp16"', b'"precision":"fp32"'))
    assert cache.load(KEY) is None
    assert "another network under its name" in caplog.text


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, caplog):
    folder = tmp_path / "cache" / "engines"
    folder.mkdir(parents=True)
    folder.chmod(0o770)
    cache = EngineCache(tmp_path / "cache")
    cache.save(KEY, ENGINE, build_s=1.0)
    assert cache.load(KEY) is None
    assert list(folder.iterdir()) == []
    assert len(caplog.records) == 1
    assert "others can write to it" in caplog.text


def test_a_full_disk_leaves_no_half_file_and_is_said_once(cache, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    cache.save(KEY, ENGINE, build_s=1.0)
    cache.save(KEY, ENGINE, build_s=1.0)
    assert list(cache.folder.iterdir()) == []
    (record,) = caplog.records
    assert "engines are not kept" in record.message
    assert "No space left on device" in record.message


def test_what_was_used_longest_ago_goes_when_there_are_too_many(cache, monkeypatch):
    monkeypatch.setattr(engine_cache, "MOST_ENTRIES", 2)
    keys = [replace(KEY, shape_BCHW=(n, 1, 64, 64)) for n in (1, 2, 3)]
    for number, key in enumerate(keys[:2]):
        cache.save(key, ENGINE, build_s=1.0)
        os.utime(cache.folder / f"{key.entry}.engine", (number, number))
    assert cache.load(keys[0]) == ENGINE
    cache.save(keys[2], ENGINE, build_s=1.0)
    assert [cache.load(key) is not None for key in keys] == [True, False, True]


def test_entries_are_told_newest_first_with_their_headers_and_damage(cache, file):
    other = replace(KEY, head="map")
    cache.save(other, b"engine", build_s=2.0)
    os.utime(file, (1, 1))
    (cache.folder / "damaged.engine").write_bytes(b"x")
    os.utime(cache.folder / "damaged.engine", (0, 0))
    newest, old, damaged = entries(cache.folder)
    assert newest.header.key == other
    assert (old.header.key, old.header.build_s, old.used_ns) == (KEY, 12.5, 10**9)
    assert old.size_bytes == file.stat().st_size
    assert (damaged.header, damaged.size_bytes) == (None, 1)


def test_a_folder_that_is_not_there_has_no_entries_and_is_not_made(tmp_path):
    assert list(entries(engines_folder(tmp_path / "cache"))) == []
    assert not (tmp_path / "cache").exists()


def test_without_a_setting_engines_are_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engines_folder(None) == tmp_path / "scopeside" / "engines"
