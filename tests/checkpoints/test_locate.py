"""From a name, URL or file to a place on this machine, and the sentence where nothing is there."""

import os
from pathlib import Path

import pytest

from scopeside.checkpoints.digests import note_beside, noted, take_note
from scopeside.checkpoints.locate import absent, checkpoint, located, weights_folder
from scopeside.checkpoints.registry import PUBLISHED
from scopeside.errors import OutputError, WeightsError

ONES, TWOS = "1" * 64, "2" * 64


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def test_without_a_folder_of_ones_own_weights_are_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights_folder(None) == tmp_path / "scopeside" / "weights"
    assert weights_folder(tmp_path / "mine") == tmp_path / "mine" / "weights"


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one.name)
def test_a_name_that_was_not_fetched_fails_with_both_ways_to_get_it(tmp_path, one):
    with pytest.raises(WeightsError) as refused:
        located(one.name, cache=tmp_path)
    path = tmp_path / "weights" / one.url.rpartition("/")[2]
    assert str(refused.value) == (
        f"The weights {one.name} are not on this machine: run `scopeside weights fetch {one.name}`,"
        f" or put {one.url} at {path} by hand."
    )


def test_a_url_that_was_not_fetched_is_named_without_its_secrets(tmp_path):
    with pytest.raises(
        WeightsError, match=r"weights fetch 'https://h/net\.pth\?\.\.\.'`"
    ) as refused:
        located("https://ann:hush@h/net.pth?key=hush", cache=tmp_path)
    assert "hush" not in str(refused.value)


def test_a_name_whose_file_was_put_there_by_hand_is_found(tmp_path):
    path = checkpoint("micronet", cache=tmp_path).path
    put(path)
    found = located("micronet", cache=tmp_path)
    assert (found.name, found.path, found.expected) == ("micronet", path, ())


def test_urls_of_the_same_file_name_are_kept_apart(tmp_path):
    first = checkpoint("https://a/net.pth", cache=tmp_path)
    second = checkpoint("https://b/net.pth", cache=tmp_path)
    assert first.path != second.path
    assert first.name == second.name == "net.pth"
    assert first.path.parent == second.path.parent == tmp_path / "weights"


def test_a_url_that_does_not_end_like_a_checkpoint_is_refused():
    with pytest.raises(WeightsError, match=r"https://h/page\.html does not end like a checkpoint"):
        checkpoint("https://h/page.html", cache=Path())


def test_a_file_is_itself(tmp_path):
    found = located(str(tmp_path / "mine.pth.tar"))
    assert (found.name, found.path) == ("mine.pth.tar", tmp_path / "mine.pth.tar")
    assert not found.is_here
    assert str(tmp_path / "mine.pth.tar") in absent(found)


def test_a_name_that_nobody_knows_is_refused_with_the_nearest_one():
    with pytest.raises(
        WeightsError, match=r"'micronte' are neither a name \(builtin, seeded, micronet, "
    ):
        located("micronte")
    with pytest.raises(WeightsError, match=r"Did you mean 'micronet'\?"):
        located("micronte")
    with pytest.raises(WeightsError, match=r"\.pt\)\.$"):
        located("vgg")


def test_ones_own_word_outdoes_the_publishers_and_the_note(tmp_path):
    path = checkpoint("imagenet", cache=tmp_path).path
    put(path)
    take_note(path, ONES)
    said = [one.digits for one in checkpoint("imagenet", cache=tmp_path).expected]
    assert said == ["11ad3fa6", ONES]
    pinned = checkpoint("imagenet", cache=tmp_path, sha256=TWOS.upper()).expected
    assert [one.digits for one in pinned] == [TWOS]


def test_a_note_is_as_sha256sum_writes_it(tmp_path):
    path = tmp_path / "net.pth"
    assert noted(path) is None
    take_note(path, ONES)
    assert note_beside(path).read_text() == f"{ONES}  net.pth\n"
    assert noted(path) == ONES
    assert [file.name for file in tmp_path.iterdir()] == ["net.pth.sha256"]


@pytest.mark.parametrize("text", [f"SHA256 (net.pth) = {'AB' * 32}\n", f"{'ab' * 32} *net.pth"])
def test_notes_of_other_programs_are_read(tmp_path, text):
    note_beside(tmp_path / "net.pth").write_text(text)
    assert noted(tmp_path / "net.pth") == "ab" * 32


def test_a_damaged_note_is_an_error_and_not_the_absence_of_one(tmp_path):
    path = tmp_path / "net.pth"
    note_beside(path).write_bytes(b"\xff\x00")
    with pytest.raises(WeightsError, match=r"net\.pth\.sha256 holds no SHA-256"):
        checkpoint(str(path))
    note_beside(path).unlink()
    note_beside(path).mkdir()
    with pytest.raises(WeightsError, match="cannot be read"):
        noted(path)
    with pytest.raises(OutputError, match="cannot be written"):
        take_note(path, ONES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_one_may_not_look_into_holds_nothing(tmp_path):
    folder = tmp_path / "weights"
    put(folder / "resnet50-11ad3fa6.pth")
    folder.chmod(0)
    try:
        assert not checkpoint("imagenet", cache=tmp_path, sha256=ONES).is_here
    finally:
        folder.chmod(0o700)
