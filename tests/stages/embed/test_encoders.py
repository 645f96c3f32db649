"""Torch and OpenVINO: the same numbers from two readings of the same weights, every time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scopeside.stages.embed.choose import native_precisions
from scopeside.stages.embed.encoder import output_shape
from scopeside.stages.embed.openvino_encoder import OpenVinoEncoder
from scopeside.stages.embed.resnet50 import GreyResNet50, from_state
from scopeside.stages.embed.simulated import film_chips
from scopeside.stages.embed.torch_encoder import TorchEncoder

SHAPES = [((4, 1, 64, 64), "pool"), ((1, 1, 96, 64), "map")]


def run(encoder, shape_BCHW, head, tiles=2):
    program = encoder.compile(shape_BCHW, head)
    batch, _, height, width = shape_BCHW
    chips = film_chips(tiles * batch, max(height, width), seed=3)[:, :height, :width]
    tiles_TB1HW = np.ascontiguousarray(chips).reshape(tiles, *shape_BCHW)
    out = np.full((tiles, *output_shape(shape_BCHW, head)), np.nan, np.float32)
    program(tiles_TB1HW, out)
    return program, tiles_TB1HW, out


def cosines(a, b):
    a, b = a.reshape(-1, 2048).astype(np.float64), b.reshape(-1, 2048).astype(np.float64)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize(("shape_BCHW", "head"), SHAPES)
def test_openvino_in_float32_equals_torch_up_to_rounding(
    torch_encoder, openvino_encoder, shape_BCHW, head
):
    _, _, expected = run(torch_encoder, shape_BCHW, head)
    _, _, found = run(openvino_encoder, shape_BCHW, head)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * expected.std())


@pytest.mark.parametrize(("shape_BCHW", "head"), SHAPES)
def test_torch_encoder_equals_the_plain_module(weights, torch_encoder, shape_BCHW, head):
    _, tiles_TB1HW, found = run(torch_encoder, shape_BCHW, head, tiles=1)
    with torch.inference_mode():
        expected = GreyResNet50(from_state(weights.state), head)(torch.from_numpy(tiles_TB1HW[0]))
    np.testing.assert_allclose(found[0], expected.numpy(), rtol=2e-3, atol=2e-3)


def reduced_precisions(backend):
    return [p for p in native_precisions(backend, "cpu") if p != "fp32"]


@pytest.mark.parametrize("precision", reduced_precisions("openvino") or ["none"])
def test_native_reduced_precision_of_openvino_keeps_the_cosine(
    weights, torch_encoder, cache_folder, precision
):
    if precision == "none":
        pytest.skip("this CPU computes nothing below float32 natively")
    encoder = OpenVinoEncoder(weights, precision=precision, cache=cache_folder)
    _, _, expected = run(torch_encoder, (4, 1, 64, 64), "pool")
    _, _, found = run(encoder, (4, 1, 64, 64), "pool")
    assert cosines(found, expected).min() > 0.999
    assert not np.array_equal(found, expected)
    assert encoder.precision == precision


def test_reduced_precision_of_torch_keeps_the_cosine(weights, torch_encoder):
    _, _, expected = run(torch_encoder, (2, 1, 64, 64), "pool", tiles=1)
    _, _, found = run(TorchEncoder(weights, precision="bf16"), (2, 1, 64, 64), "pool", tiles=1)
    assert cosines(found, expected).min() > 0.999
    assert not np.array_equal(found, expected)


@pytest.mark.parametrize("name", ["torch_encoder", "openvino_encoder"])
def test_the_same_input_gives_the_same_bits(request, name):
    program, tiles, first = run(request.getfixturevalue(name), (4, 1, 64, 64), "pool")
    again = np.zeros_like(first)
    program(tiles, again)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", ["torch_encoder", "openvino_encoder"])
def test_a_chip_does_not_depend_on_the_others_in_its_tile(request, name):
    program, tiles, first = run(request.getfixturevalue(name), (4, 1, 64, 64), "pool", tiles=1)
    tiles[0, 1:] = 0.0
    alone = np.zeros_like(first)
    program(tiles, alone)
    np.testing.assert_array_equal(first[0, 0], alone[0, 0])
    assert not np.array_equal(first[0, 1], alone[0, 1])


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("tiles", [1, 2, 7])
def test_tiles_abreast_give_the_bits_of_one_after_the_other(weights, cache_folder, threads, tiles):
    one, several = (
        OpenVinoEncoder(weights, precision="fp32", threads=count, cache=cache_folder)
        for count in (1, threads)
    )
    _, _, expected = run(one, (2, 1, 32, 32), "pool", tiles=tiles)
    _, _, found = run(several, (2, 1, 32, 32), "pool", tiles=tiles)
    np.testing.assert_array_equal(found, expected)


def test_a_tile_that_cannot_be_run_leaves_none_running(openvino_encoder):
    program = openvino_encoder.compile((2, 1, 32, 32), "pool")
    good = np.zeros((5, 2, 1, 32, 32), np.float32)
    with pytest.raises(RuntimeError, match="shape"):
        program(np.zeros((5, 3, 1, 32, 32), np.float32), np.zeros((5, 3, 2048), np.float32))
    out = np.full((5, 2, 2048), np.nan, np.float32)
    program(good, out)
    assert np.isfinite(out).all()


def test_every_map_of_a_tile_is_turned_round(weights, torch_encoder, openvino_encoder):
    _, _, expected = run(torch_encoder, (2, 1, 64, 96), "map", tiles=2)
    _, _, found = run(openvino_encoder, (2, 1, 64, 96), "map", tiles=2)
    assert found.shape == (2, 2, 2, 3, 2048)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * expected.std())


def test_encoders_say_what_they_are(torch_encoder, openvino_encoder):
    assert torch_encoder.name == f"torch-{torch.__version__}"
    assert (torch_encoder.device, torch_encoder.precision) == ("cpu", "fp32")
    assert openvino_encoder.name.startswith("openvino-20")
    assert openvino_encoder.device.startswith("cpu (")


def test_model_compiled_before_is_taken_from_the_cache_and_gives_the_same_bits(
    weights, tmp_path, monkeypatch
):
    first = run(OpenVinoEncoder(weights, precision="fp32", cache=tmp_path / "c"), *SHAPES[0])[2]
    monkeypatch.setattr(
        "scopeside.stages.embed.openvino_encoder.build_model",
        lambda *_, **__: pytest.fail("the model was built although it is in the cache"),
    )
    again = run(OpenVinoEncoder(weights, precision="fp32", cache=tmp_path / "c"), *SHAPES[0])[2]
    np.testing.assert_array_equal(first, again)


def test_damaged_compiled_model_is_compiled_anew(weights, tmp_path, caplog):
    folder = tmp_path / "c"
    first = run(OpenVinoEncoder(weights, precision="fp32", cache=folder), *SHAPES[0])[2]
    (entry,) = folder.iterdir()
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    entry.write_bytes(data)
    again = run(OpenVinoEncoder(weights, precision="fp32", cache=folder), *SHAPES[0])[2]
    np.testing.assert_array_equal(first, again)
    assert "is damaged; it is compiled anew" in caplog.text
    assert entry.read_bytes() != data


def test_kept_model_that_openvino_refuses_is_compiled_anew(weights, tmp_path, monkeypatch, caplog):
    folder = tmp_path / "c"
    first = run(OpenVinoEncoder(weights, precision="fp32", cache=folder), *SHAPES[0])[2]
    monkeypatch.setattr(
        "scopeside.stages.embed.compiled_cache.CompiledCache.load", lambda self, key: b"no model"
    )
    again = run(OpenVinoEncoder(weights, precision="fp32", cache=folder), *SHAPES[0])[2]
    np.testing.assert_array_equal(first, again)
    assert "OpenVINO refuses its kept model" in caplog.text
