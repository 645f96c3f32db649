"""Checkpoints: every shape they come in is read, and what is unsafe or unfit is refused."""

from __future__ import annotations

import hashlib
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from scopeside.checkpoints.locate import checkpoint
from scopeside.errors import WeightsError
from scopeside.stages.embed.weights import MOST_BYTES, checked_state, load_weights, state_sha256


def checkpoint_of(weights, *, prefix="", counters=True, classifier=True):
    """The state as another program would save it."""
    state = {prefix + name: tensor for name, tensor in weights.state.items()}
    if counters:
        norms = [name for name in weights.state if name.endswith("running_var")]
        for name in norms:
            counter = name.replace("running_var", "num_batches_tracked")
            state[prefix + counter] = torch.tensor(7)
    if classifier:
        state[prefix + "fc.weight"] = torch.zeros((1000, 2048))
        state[prefix + "fc.bias"] = torch.zeros(1000)
    return state


def assert_same_state(loaded, weights):
    assert state_sha256(loaded.state) == state_sha256(weights.state)


@pytest.mark.parametrize("name", ["resnet50.pth", "micronet.pth.tar", "plain.pt"])
def test_torch_checkpoint_with_classifier_and_prefix_is_read(tmp_path, weights, name):
    path = tmp_path / name
    torch.save(checkpoint_of(weights, prefix="module."), path)
    loaded = load_weights(str(path))
    assert_same_state(loaded, weights)
    assert loaded.name == name
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_state_nested_beside_other_entries_is_found(tmp_path, weights, key):
    path = tmp_path / "training.pth.tar"
    torch.save({"epoch": 3, "arch": "resnet50", key: checkpoint_of(weights)}, path)
    assert_same_state(load_weights(str(path)), weights)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(("classifier", "counters"), [(True, False), (False, True)])
def test_micronets_suffix_is_read_with_and_without_prefix_classifier_and_counters(
    tmp_path, weights, prefix, classifier, counters
):
    path = tmp_path / "resnet50_pretrained_microscopynet_v1.1.pth.tar"
    torch.save(
        checkpoint_of(weights, prefix=prefix, classifier=classifier, counters=counters), path
    )
    assert_same_state(load_weights(str(path)), weights)


def test_state_nested_twice_with_a_prefix_and_nothing_superfluous_is_found(tmp_path, weights):
    path = tmp_path / "training.pth.tar"
    state = checkpoint_of(weights, prefix="module.", classifier=False, counters=False)
    torch.save({"state_dict": {"model": state}, "epoch": 3}, path)
    assert_same_state(load_weights(str(path)), weights)


def test_a_file_in_the_cache_is_loaded_by_its_name_and_keeps_it(tmp_path, weights):
    path = checkpoint("micronet-v1.0", cache=tmp_path).path
    path.parent.mkdir()
    torch.save(checkpoint_of(weights), path)
    loaded = load_weights("micronet-v1.0", cache=tmp_path)
    assert_same_state(loaded, weights)
    assert loaded.name == "micronet-v1.0"
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_name_that_is_not_in_the_cache_is_not_fetched_but_refused(tmp_path):
    with pytest.raises(WeightsError, match="run `scopeside weights fetch imagenet`"):
        load_weights("imagenet", cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_hash_is_refused_before_it_is_unpickled(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(b"no pickle at all")
    with pytest.raises(WeightsError, match=r"was refused: its SHA-256 is .* not 1111"):
        load_weights(str(path), sha256="1" * 64)


def test_the_publishers_digits_are_demanded_of_a_file_put_there_by_hand(tmp_path):
    path = checkpoint("imagenet", cache=tmp_path).path
    path.parent.mkdir()
    path.write_bytes(b"something else")
    with pytest.raises(
        WeightsError, match=r"not 11ad3fa6\.\.\., as the publisher's file name says"
    ):
        load_weights("imagenet", cache=tmp_path)


def test_the_built_in_weights_can_be_pinned_too(weights):
    assert load_weights("builtin", sha256=weights.sha256.upper()).name == weights.name
    with pytest.raises(WeightsError, match=r"embed\.weights_sha256"):
        load_weights("builtin", sha256="1" * 64)


def test_safetensors_without_counters_or_classifier_is_read(tmp_path, weights):
    path = tmp_path / "bare.safetensors"
    save_file(checkpoint_of(weights, counters=False, classifier=False), path)
    assert_same_state(load_weights(str(path)), weights)


def test_old_torch_format_is_read(tmp_path, weights):
    path = tmp_path / "old.pth"
    torch.save(checkpoint_of(weights), path, _use_new_zipfile_serialization=False)
    assert_same_state(load_weights(str(path)), weights)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil-was-here",)


@pytest.mark.parametrize("nested", [True, False])
def test_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, monkeypatch, nested):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()} if nested else Evil(), "evil.pth.tar")
    with pytest.raises(WeightsError, match=r"evil\.pth\.tar was refused: it holds Python objects"):
        load_weights("evil.pth.tar")
    assert not (tmp_path / "evil-was-here").exists()


def test_bare_pickle_is_refused(tmp_path):
    path = tmp_path / "bare.pth"
    path.write_bytes(pickle.dumps({"conv1.weight": Evil()}))
    with pytest.raises(WeightsError, match=r"bare\.pth"):
        load_weights(str(path))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.999])
def test_truncated_file_is_refused_by_name(tmp_path, suffix, keep):
    path = tmp_path / f"cut{suffix}"
    state = {"conv1.weight": torch.zeros((64, 3, 7, 7))}
    torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(WeightsError, match=rf"cut\{suffix} is damaged"):
        load_weights(str(path))


@pytest.mark.parametrize("seed", range(8))
def test_file_with_flipped_bytes_never_raises_anything_but_a_weights_error(tmp_path, seed):
    path = tmp_path / "flipped.pth"
    torch.save(
        {"conv1.weight": torch.zeros((4, 4))}, path, _use_new_zipfile_serialization=bool(seed % 2)
    )
    data = bytearray(path.read_bytes())
    generator = torch.Generator().manual_seed(seed)
    for position in torch.randint(len(data), (12,), generator=generator).tolist():
        data[position] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"flipped\.pth"):
        load_weights(str(path))


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"state_dict": [1]}])
def test_file_without_a_state_dict_is_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"not a state_dict|is missing"):
        load_weights(str(path))


def test_absent_file_and_unknown_name_are_refused_in_a_sentence(tmp_path):
    with pytest.raises(
        WeightsError, match=r"absent\.pth cannot be read \(No such file.*weights list"
    ):
        load_weights(str(tmp_path / "absent.pth"))
    with pytest.raises(
        WeightsError, match=r"'resnet51' are neither a name \(builtin, seeded, micronet"
    ):
        load_weights("resnet51")


def test_file_too_large_for_a_resnet50_is_refused_unread(tmp_path):
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(WeightsError, match=r"holds 2\.0 GiB"):
        load_weights(str(path))


def test_first_missing_tensor_is_named(weights):
    state = dict(weights.state)
    del state["layer2.1.bn2.bias"]
    with pytest.raises(WeightsError, match=r"here .*'layer2\.1\.bn2\.bias' is missing"):
        checked_state(state, "here")


def test_first_unexpected_tensor_is_named(weights):
    state = {**weights.state, "layer5.0.conv1.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match=r"unexpected tensor 'layer5\.0\.conv1\.weight'"):
        checked_state(state, "here")


def test_tensor_of_another_shape_is_named_with_both_shapes(weights):
    state = {**weights.state, "conv1.weight": torch.zeros((64, 1, 7, 7))}
    with pytest.raises(
        WeightsError,
        match=r"'conv1\.weight' has the shape \(64, 1, 7, 7\), expected \(64, 3, 7, 7\)",
    ):
        checked_state(state, "here")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(weights, value):
    bias = weights.state["bn1.bias"].clone()
    bias[3] = value
    with pytest.raises(WeightsError, match=r"'bn1\.bias' holds numbers that are not finite"):
        checked_state({**weights.state, "bn1.bias": bias}, "here")


def test_half_precision_that_overflows_to_infinity_is_not_hidden(weights):
    half = torch.full((64,), 1e5).to(torch.float16)
    with pytest.raises(WeightsError, match="not finite"):
        checked_state({**weights.state, "bn1.bias": half}, "here")


def test_negative_variance_and_whole_numbers_are_refused(weights):
    with pytest.raises(WeightsError, match="negative variance"):
        checked_state({**weights.state, "bn1.running_var": torch.full((64,), -1.0)}, "here")
    with pytest.raises(WeightsError, match="floating-point"):
        checked_state({**weights.state, "bn1.bias": torch.zeros(64, dtype=torch.int8)}, "here")


def test_half_precision_weights_become_float32(weights):
    half = {name: tensor.to(torch.bfloat16) for name, tensor in weights.state.items()}
    state = checked_state(half, "here")
    assert {tensor.dtype for tensor in state.values()} == {torch.float32}
    assert list(state) == list(weights.state)
