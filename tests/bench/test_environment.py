import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from scopeside.bench import environment

GIT = shutil.which("git")
pytestmark = pytest.mark.skipif(GIT is None, reason="git is not installed")


def git(folder, *arguments):
    words = [GIT, "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path):
    """Somebody's checkout with a commit, and a function that installs our file in it."""
    git(tmp_path, "init")
    (tmp_path / "theirs.txt").write_text("theirs")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "theirs")

    def installed(place):
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        shutil.copy(environment.__file__, path)
        spec = importlib.util.spec_from_file_location("copied_environment", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return tmp_path, installed


@pytest.mark.parametrize("add", [False, True])
def test_the_commit_of_somebody_elses_checkout_is_not_ours(checkout, add):
    folder, installed = checkout
    module = installed(".venv/lib/scopeside/bench/environment.py")
    if add:  # there are those who commit their virtual environment
        git(folder, "add", "--force", ".")
        git(folder, "commit", "-m", "all of it")
    assert module.commit() == environment.UNKNOWN


def test_the_commit_is_told_and_marked_where_the_source_was_changed(checkout):
    folder, installed = checkout
    module = installed(environment.PLACE)
    assert module.commit() == environment.UNKNOWN  # not a part of it yet
    git(folder, "add", ".")
    git(folder, "commit", "-m", "ours")
    name = git(folder, "rev-parse", "--short=10", "HEAD").strip()
    assert module.commit() == name
    (folder / environment.PLACE).write_text("changed")
    assert module.commit() == f"{name}+changes"


def test_git_is_not_led_elsewhere_by_a_hook(checkout, monkeypatch):
    folder, installed = checkout
    module = installed(environment.PLACE)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "ours")
    name = module.commit()
    other = folder / "other"
    other.mkdir()
    git(other, "init")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert module.commit() == name != environment.UNKNOWN


def test_the_place_is_where_the_file_lies():
    assert (
        Path(environment.__file__).as_posix().endswith(environment.PLACE.removeprefix("service/"))
    )
