import logging
from threading import Thread

import pytest

from scopeside.errors import DropReason
from scopeside.runtime.fault_log import FaultLog
from scopeside.wire import events


@pytest.fixture
def written(caplog):
    """What was logged, as (text, so far, why)."""
    caplog.set_level(logging.WARNING, logger="scopeside")
    logger = logging.getLogger("scopeside")
    before, logger.propagate = logger.propagate, True
    yield lambda: [(r.getMessage(), r.so_far, r.why) for r in caplog.records]
    logger.propagate = before


def dropped(reason, message="Why.", count=1):
    return events.dropped(reason, message, series="s", frame=3, count=count)


def test_drops_and_errors_are_written_with_their_number_so_far(written, caplog):
    log = FaultLog(lambda event: None)
    log(dropped(DropReason.BAD_DTYPE))
    log(dropped(DropReason.STALE))
    log(dropped(DropReason.BAD_DTYPE, "Again.", count=18))
    log(events.error("connection_cut", "It was cut.", count=2))
    assert written() == [
        ("dropped as bad_dtype", 1, "Why."),
        ("dropped as stale", 1, "Why."),
        ("dropped as bad_dtype", 19, "Again."),
        ("connection_cut", 2, "It was cut."),
    ]
    assert (caplog.records[0].series, caplog.records[0].frame) == ("s", 3)


def test_every_event_is_passed_on_and_ordinary_ones_are_not_written(written):
    passed = []
    log = FaultLog(passed.append)
    sent = [events.series_started("s"), dropped(DropReason.OVERLOAD), dropped(DropReason.COMPUTE)]
    for event in sent:
        log(event)
    assert passed == sent
    assert [text for text, *_ in written()] == ["dropped as compute"]


def test_what_belongs_to_nobody_is_written_without_a_series(written, caplog):
    FaultLog(lambda event: None)(events.dropped(DropReason.BAD_TOPIC, "?", series=None, frame=None))
    assert written() == [("dropped as bad_topic", 1, "?")]
    assert not hasattr(caplog.records[0], "series")


def test_threads_lose_no_number(written):
    log = FaultLog(lambda event: None)

    def many():
        for _ in range(200):
            log(dropped(DropReason.STALE))

    threads = [Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(so_far for _, so_far, _ in written()) == list(range(1, 801))
