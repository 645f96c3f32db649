"""The cache of compiled models: private, whole entries only, and never fatal."""

from __future__ import annotations

import os
import stat

import pytest

from scopeside.stages.embed.compiled_cache import CompiledCache

KEY = {"weights": "abc", "shape": [1, 2]}


def test_what_was_saved_is_loaded_by_another_instance(tmp_path):
    CompiledCache(tmp_path / "a" / "b").save(KEY, lambda: b"model")
    assert CompiledCache(tmp_path / "a" / "b").load(KEY) == b"model"


def test_new_folder_is_private(tmp_path):
    CompiledCache(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("other", [{"weights": "abd"}, {"shape": [1, 3]}, {"openvino": "2"}])
def test_any_change_of_the_key_finds_nothing(tmp_path, other):
    cache = CompiledCache(tmp_path)
    cache.save(KEY, lambda: b"model")
    assert cache.load({**KEY, **other}) is None


@pytest.mark.parametrize("damage", [b"", b"model", b"scopeside-compiled-1\n", None])
def test_damaged_entry_counts_as_absent_with_a_warning(tmp_path, caplog, damage):
    cache = CompiledCache(tmp_path)
    cache.save(KEY, lambda: b"model" * 100)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(entry.read_bytes()[:-1] if damage is None else damage)
    assert cache.load(KEY) is None
    assert f"{entry} is damaged" in caplog.text


def test_folder_that_others_can_write_to_is_not_used(tmp_path, caplog):
    tmp_path.chmod(0o777)
    cache = CompiledCache(tmp_path)
    cache.save(KEY, lambda: b"model")
    assert cache.load(KEY) is None
    assert list(tmp_path.iterdir()) == []
    assert "others can write to it" in caplog.text


def test_folder_that_cannot_be_made_is_said_once_and_nothing_fails(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    cache = CompiledCache(tmp_path / "file" / "below")
    cache.save(KEY, lambda: pytest.fail("nothing is exported without a folder"))
    assert cache.load(KEY) is None
    assert len(caplog.records) == 1
    assert "Compiled models are not kept" in caplog.text


def test_disk_error_while_saving_leaves_no_half_entry(tmp_path, monkeypatch, caplog):
    cache = CompiledCache(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    cache.save(KEY, lambda: b"model")
    assert list(tmp_path.iterdir()) == []
    assert "No space left on device" in caplog.text


def test_entries_used_longest_ago_are_forgotten(tmp_path):
    cache = CompiledCache(tmp_path)
    for number in range(8):
        cache.save({"n": number}, lambda: b"model")
        entry = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(entry, (number, number))
    assert cache.load({"n": 0}) == b"model"
    cache.save({"n": 8}, lambda: b"model")
    assert cache.load({"n": 1}) is None
    assert cache.load({"n": 0}) == b"model"
    assert len(list(tmp_path.iterdir())) == 8
