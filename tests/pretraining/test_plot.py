"""The plot of a training, from any log."""

import pytest

from scopeside.pretraining.plot import training_plot

PROBE = {"s": 9.0, "step": 60, "probe_chips": 0.8, "probe_shared": 0.7}


def steps(count):
    return [
        {"s": 1.0, "step": n, "mode": "chips" if n % 2 else "shared", "loss": 1.0 / (n + 1)}
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 300])
@pytest.mark.parametrize("probes", [[], [PROBE]])
def test_a_log_of_any_length_is_drawn(count, probes):
    losses, probe = training_plot([*steps(count), *probes]).axes
    assert len(losses.lines) == min(count, 2)
    assert sum(len(line.get_xdata()) for line in probe.lines) == 2 * len(probes)


def test_losses_are_means_over_fifty_steps_of_a_mode():
    losses, _ = training_plot(steps(200)).axes
    assert {len(line.get_xdata()) for line in losses.lines} == {51}
