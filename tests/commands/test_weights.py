"""`scopeside weights`: names into files, and files into weights that are what they should be."""

from __future__ import annotations

import hashlib
import os

import pytest
import torch

from faulty_server import serving
from scopeside.checkpoints.digests import noted
from scopeside.checkpoints.locate import checkpoint
from scopeside.checkpoints.registry import PUBLISHED, SHIPPED
from scopeside.cli import main
from scopeside.stages.embed.resnet50 import skeleton
from scopeside.stages.embed.weights import load_weights


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SCOPESIDE_SERVICE__CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def resnet50(tmp_path_factory):
    """A checkpoint as MicroNet's are, the bare state with the classifier, but of half the bytes."""
    shapes = {name: tensor.shape for name, tensor in skeleton().state_dict().items()}
    state = {name: torch.full(shape, 0.5).half() for name, shape in shapes.items()}
    state |= {"fc.weight": torch.zeros((1000, 2048)).half(), "fc.bias": torch.zeros(1000)}
    path = tmp_path_factory.mktemp("checkpoint") / "made.pth.tar"
    torch.save(state, path)
    return path.read_bytes()


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-here",)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_the_list_has_every_name_with_its_source_and_what_is_here(cache, capsys, server, resnet50):
    server.body = resnet50
    main(["weights", "fetch", server.url])
    path = checkpoint("micronet", cache=cache).path
    path.write_bytes(b"by hand")
    capsys.readouterr()
    assert main(["weights", "list"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    for name in (*SHIPPED, *(one.name for one in PUBLISHED)):
        assert any(line.split()[:1] == [name] for line in lines)
    (absent,) = [line for line in lines if line.startswith("imagenet ")]
    assert absent.split()[1:3] == ["no", "-"]
    (here,) = [line for line in lines if line.startswith("micronet ")]
    assert "not noted" in here
    assert str(path) in out
    (by_url,) = [line for line in lines if "-resnet50.pth.tar" in line]
    assert sha256(resnet50)[:12] in by_url
    assert all(one.url in out for one in PUBLISHED if one.name != "micronet")
    assert f"kept in {cache / 'weights'}" in out


def test_what_was_fetched_is_verified_loaded_and_found(cache, capsys, server, resnet50):
    server.body = resnet50
    server.faults.append("cut")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scopeside.checkpoints.download.time.sleep", lambda seconds: None)
        assert main(["weights", "fetch", server.url, "--sha256", sha256(resnet50)]) == 0
    path = checkpoint(server.url, cache=cache).path
    assert f"resnet50.pth.tar is here now: {path}\nSHA-256 {sha256(resnet50)}\n" in (
        capsys.readouterr().out
    )
    assert main(["weights", "fetch", server.url]) == 0
    assert "was here already" in capsys.readouterr().out
    assert main(["weights", "verify", server.url, "builtin"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    digest = sha256(resnet50)
    assert first == f"resnet50.pth.tar: ok, 2048 features, SHA-256 {digest}, as expected"
    assert second.startswith("builtin")
    assert main(["weights", "path", server.url]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    loaded = load_weights(server.url, cache=cache)
    assert (loaded.name, loaded.sha256) == ("resnet50.pth.tar", digest)


def test_a_name_keeps_its_name_in_the_provenance(cache, resnet50):
    path = checkpoint("micronet", cache=cache).path
    path.parent.mkdir(parents=True)
    path.write_bytes(resnet50)
    loaded = load_weights("micronet", cache=cache)
    assert (loaded.name, loaded.sha256) == ("micronet", sha256(resnet50))


def test_without_a_source_everything_that_is_here_is_verified(cache, capsys, server, resnet50):
    server.body = resnet50
    main(["weights", "fetch", server.url])
    capsys.readouterr()
    assert main(["weights", "verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SHIPPED) + 1
    assert lines[-1].endswith("as expected")
    path = checkpoint(server.url, cache=cache).path
    path.write_bytes(resnet50[:-1])
    assert main(["weights", "verify"]) == 6
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(SHIPPED)
    assert err.startswith(f"scopeside: The weights file {path} was refused: its SHA-256 is ")


def test_a_file_is_verified_and_says_that_there_is_nothing_to_compare(tmp_path, capsys, resnet50):
    path = tmp_path / "mine.pth"
    path.write_bytes(resnet50)
    assert main(["weights", "verify", str(path), str(tmp_path / "absent.pth")]) == 6
    out, err = capsys.readouterr()
    assert out.startswith("mine.pth: ok, 2048 features")
    assert out.endswith("with nothing to compare it to\n")
    assert "absent.pth cannot be read" in err


def test_the_hash_in_the_settings_is_demanded_of_fetch_and_verify(cache, capsys, server, resnet50):
    server.body = resnet50
    named = ["--set", f"embed.weights={server.url}", "--set", f"embed.weights_sha256={'1' * 64}"]
    assert main(["weights", "fetch", server.url, *named]) == 6
    assert f"not {'1' * 64}, as embed.weights_sha256" in capsys.readouterr().err
    assert main(["weights", "fetch", server.url]) == 0
    assert main(["weights", "verify", server.url, *named]) == 6


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": Evil()}, "it holds Python objects besides tensors"),
        ({"conv1.weight": torch.zeros(1)}, "is not a ResNet50"),
    ],
)
def test_unsafe_or_other_checkpoints_are_refused_and_not_kept(
    cache, capsys, server, tmp_path, monkeypatch, content, words
):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "made.pth")
    server.body = (tmp_path / "made.pth").read_bytes()
    assert main(["weights", "fetch", server.url]) == 6
    sentence = capsys.readouterr().err
    assert words in sentence
    assert len(sentence.splitlines()) == 1
    path = checkpoint(server.url, cache=cache).path
    assert [file.name for file in path.parent.iterdir()] == [f"{path.name}.lock"]
    assert noted(path) is None
    assert not (tmp_path / "evil-was-here").exists()


def test_a_login_page_in_place_of_the_file_is_refused(cache, capsys, server):
    server.body = b"<html>Please log in to the hotel's network</html>"
    assert main(["weights", "fetch", server.url]) == 6
    assert "damaged or no torch checkpoint" in capsys.readouterr().err


def test_safetensors_are_fetched_as_such(cache, server, resnet50, tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "made.pth").write_bytes(resnet50)
    state = torch.load(tmp_path / "made.pth", weights_only=True)
    save_file(state, tmp_path / "made.safetensors")
    server.body = (tmp_path / "made.safetensors").read_bytes()
    url = f"{server.address}/net.safetensors"
    assert main(["weights", "fetch", url]) == 0
    assert load_weights(url, cache=cache).sha256 == sha256(server.body)


def test_a_name_that_is_absent_has_no_path_and_exit_code_6(cache, capsys):
    assert main(["weights", "path", "micronet"]) == 6
    out, err = capsys.readouterr()
    assert out == ""
    assert "run `scopeside weights fetch micronet`" in err
    assert main(["weights", "path", str(cache / "mine.pth")]) == 6
    assert main(["weights", "path", "builtin"]) == 6


def test_offline_is_one_sentence_with_url_and_place_and_exit_code_6(cache, capsys, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert main(["weights", "fetch", "micronet"]) == 6
    (sentence,) = capsys.readouterr().err.splitlines()
    url = PUBLISHED[0].url
    place = cache / "weights" / url.rpartition("/")[2]
    assert f"{url} cannot be reached by the proxy 127.0.0.1:1 (Connection refused)" in sentence
    assert sentence.endswith(f"download it elsewhere and put it at {place}.")


def test_wrong_words_are_refused_in_a_sentence(cache, capsys):
    assert main(["weights", "fetch", "micronte"]) == 6
    assert "Did you mean 'micronet'?" in capsys.readouterr().err
    assert main(["weights", "fetch", "micronet", "--sha256", "12"]) == 2
    assert "64 hexadecimal digits" in capsys.readouterr().err


def test_what_is_built_in_needs_no_fetching(cache, capsys):
    for name in SHIPPED:
        assert main(["weights", "fetch", name]) == 0
        assert load_weights(name, cache=cache).state
    assert "nothing to fetch" in capsys.readouterr().out
    assert not cache.exists()


def test_an_interrupted_fetch_exits_as_shells_expect_and_keeps_what_came(
    cache, capsys, server, monkeypatch, resnet50
):
    from scopeside.checkpoints import fetch as fetching

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    server.body = resnet50
    with monkeypatch.context() as patch:
        patch.setattr("scopeside.stages.embed.weights.read_checkpoint", interrupted)
        assert main(["weights", "fetch", server.url]) == 130
    part = checkpoint(server.url, cache=cache).path
    part = part.with_name(part.name + fetching.PART)
    assert part.stat().st_size == len(resnet50)
    assert main(["weights", "fetch", server.url]) == 0
    assert server.ranges() == [None, f"bytes={len(resnet50)}-"]
