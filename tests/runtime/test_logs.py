import json
import logging

import pytest

from scopeside.runtime.logs import RepeatFilter, configure_logging
from scopeside.settings import LogSettings


@pytest.fixture
def log(capsys):
    logger = logging.getLogger("scopeside")
    before = (logger.handlers, logger.level, logger.propagate)
    yield logging.getLogger("scopeside.test")
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_a_line_is_key_value_and_quotes_what_needs_it(log, capsys):
    configure_logging(LogSettings())
    log.info("ready", extra={"frames": "tcp://a:1", "why": 'a "b" c', "rate": 2.5})
    line = capsys.readouterr().err.strip()
    assert line.startswith("time=20")
    assert line.endswith('level=info event=ready frames=tcp://a:1 why="a \\"b\\" c" rate=2.5')


def test_a_stranger_cannot_steer_the_terminal_or_forge_a_line(log, capsys):
    configure_logging(LogSettings())
    log.warning("dropped", extra={"series": "a\x1b[2J", "why": "b\rlevel=info"})
    line = capsys.readouterr().err.rstrip("\n")
    assert line.isprintable()
    assert line.endswith(r'series="a\u001b[2J" why="b\rlevel=info"')


def test_json_lines_parse_and_carry_the_traceback(log, capsys):
    configure_logging(LogSettings(format="json"))
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("frame not computed", extra={"series": "s"})
    record = json.loads(capsys.readouterr().err)
    assert record["event"] == "frame not computed"
    assert record["series"] == "s"
    assert "ValueError: broken" in record["traceback"]


def test_less_severe_lines_stay_away(log, capsys):
    configure_logging(LogSettings(level="warning"))
    log.info("ready")
    assert capsys.readouterr().err == ""


def test_a_repeated_fault_is_written_once_and_counted():
    repeat = RepeatFilter(repeat_s=3600.0)
    passed = [repeat.filter(_warning("socket %s", number)) for number in range(50)]
    assert passed == [True] + [False] * 49
    other = _warning("another %s", 1)
    assert repeat.filter(other)


def test_the_next_line_says_how_many_were_held_back():
    repeat = RepeatFilter(repeat_s=0.0)
    first, second = _warning("socket"), _warning("socket")
    assert repeat.filter(first)
    repeat._repeat_s = 3600.0
    assert not repeat.filter(_warning("socket"))
    assert not repeat.filter(_warning("socket"))
    repeat._repeat_s = 0.0
    assert repeat.filter(second)
    assert second.held_back == 2


def test_what_is_said_once_by_intent_is_never_held_back():
    repeat = RepeatFilter(repeat_s=3600.0)
    record = logging.makeLogRecord({"levelno": logging.INFO, "msg": "ready"})
    assert repeat.filter(record)
    assert repeat.filter(record)


def _warning(message, *args):
    return logging.makeLogRecord(
        {"levelno": logging.WARNING, "msg": message, "args": args, "name": "scopeside.x"}
    )
