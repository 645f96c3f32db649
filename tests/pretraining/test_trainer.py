"""The network in training: steps move it, and an interruption leaves no trace."""

import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scopeside.pretraining.trainer import HOLD, LAST_RATE, WARM_UP_STEPS, Trainer, rate
from scopeside.stages.embed.weights import checked_state, state_sha256

EARLY = 10 * WARM_UP_STEPS


def test_the_rate_rises_holds_and_falls():
    assert rate(0, 0.0) == pytest.approx(1.0 / WARM_UP_STEPS)
    assert rate(WARM_UP_STEPS // 2 - 1, 0.0) == pytest.approx(0.5)
    assert rate(WARM_UP_STEPS, 0.0) == rate(EARLY, HOLD - 1e-9) == 1.0
    assert rate(EARLY, (1.0 + HOLD) / 2.0) == pytest.approx(0.5)
    assert rate(EARLY, 1.0) == rate(EARLY, 1.2) == LAST_RATE


@given(steps=st.integers(0, 10_000), one=st.floats(0.0, 1.1), other=st.floats(0.0, 1.1))
def test_the_rate_never_rises_once_it_falls_and_is_never_0(steps, one, other):
    early, late = sorted((one, other))
    assert 0.0 < rate(steps, late) <= rate(steps, early) <= 1.0


def test_steps_are_counted_and_measured(training):
    trainer, steps = training
    assert trainer.steps == 2
    assert [step.number for step in steps] == [1, 2]
    assert [step.mode for step in steps] == ["shared", "chips"]
    for step in steps:
        assert 0.0 < step.loss < 4.0
        assert 0.0 < step.gradient < float("inf")


def test_a_step_moves_the_weights_and_the_mean_follows_part_of_the_way(start, batches):
    before = state_sha256(start.state)
    trainer = Trainer(start.state, device="cpu")
    trainer.step(batches[1], done=0.0)
    network = trainer.to_resume()["network"]
    moved = 0
    for name, mean in trainer.mean.items():
        step = network[name] - start.state[name]
        if name.endswith("weight") and mean.ndim == 4:
            moved += bool(step.abs().max() > 0)
        # After the first of few steps the mean is three quarters of the way.
        torch.testing.assert_close(mean, start.state[name] + 0.75 * step, rtol=1e-4, atol=1e-6)
    assert moved == 53  # convolutions of a ResNet50
    assert state_sha256(start.state) == before  # the weights it began from are its caller's


def test_an_interrupted_training_goes_on_bit_for_bit(start, batches, trained):
    first = Trainer(start.state, device="cpu")
    first.step(batches[0], done=0.0)
    file = io.BytesIO()
    torch.save(first.to_resume(), file)
    file.seek(0)
    second = Trainer(start.state, device="cpu")
    second.resume(torch.load(file, weights_only=True))
    assert second.steps == 1
    second.step(batches[1], done=1 / 4)
    assert state_sha256(second.mean) == state_sha256(trained.mean)
    assert_same(second.to_resume(), trained.to_resume())


def assert_same(one, other):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


def test_settled_weights_are_a_checkpoint_with_the_statistics_of_the_batches(trained, batches):
    mean = state_sha256(trained.mean)
    state = trained.settled(batches[:2])
    assert checked_state(state, "the settled weights").keys() == state.keys()
    for name, tensor in state.items():
        assert tensor.is_contiguous()
        statistics = "running_" in name
        assert torch.equal(tensor, trained.mean[name]) != statistics, name
    # Every input is seen through the first layer: its statistics are a plain mean over batches.
    one, other = (trained.settled(some)["bn1.running_mean"] for some in (batches[:1], batches[1:2]))
    both = state["bn1.running_mean"]
    torch.testing.assert_close(both, (one + other) / 2.0, rtol=1e-3, atol=1e-5)
    assert state_sha256(trained.mean) == mean
