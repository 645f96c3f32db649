"""What every test shares."""

import importlib.util
import signal

import pytest
from hypothesis import settings

from card_items import relax

# A shell that starts the tests in the background makes them, and every process they start,
# ignore Ctrl-C; tests of Ctrl-C need it to arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Timing never decides a test: the machine may be busy with other things.
settings.register_profile("scopeside", deadline=None)
settings.load_profile("scopeside")

NO_CARD = "needs an NVIDIA GPU that torch can use"


@pytest.hookimpl(trylast=True)  # folders of tests say which of theirs need a card
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    relax(items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests of the card where there is none, and fail them where they were asked for."""
    if item.get_closest_marker("gpu") is None or has_card():
        return
    if "gpu" in item.config.option.markexpr:
        pytest.fail(NO_CARD)
    pytest.skip(NO_CARD)


def has_card() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
