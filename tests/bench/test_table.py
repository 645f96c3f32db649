from dataclasses import replace

from bench_samples import CARD, repeat, sample_report, step
from scopeside.bench.side_by_side import BATCHED, LOOP, SideBySide, as_report, ours
from scopeside.bench.table import losses, tables


def text_of(report):
    return "\n".join(
        " | ".join(row) for heading, rows in tables(report) for row in [(heading,), *rows]
    )


def test_the_tables_tell_load_rate_latency_and_what_it_takes():
    told = text_of(sample_report())
    assert "load | film, simulated: 1 of 6 x 8 <u2" in told
    assert "highest rate | 8 Hz (8 to 8) with p99 within 1000 ms and nothing lost" in told
    assert "Steady at 5.6 Hz" in told
    assert "lost | 0 of 150 frames" in told
    assert "most memory, MiB | 500 (500 to 500)" in told
    assert "no GPU" in told or "card" in told


def test_where_every_rate_held_the_highest_is_at_least_the_last():
    held = replace(repeat(), sweep=(step(4.0), step(8.0)))
    assert "highest rate | at least 8 Hz" in text_of(sample_report(held, held))


def test_a_queue_that_grew_is_told_where_nothing_was_lost():
    late = replace(step(8.0), timeline=[(n / 8, 0.1 + 0.1 * n / 8) for n in range(50)])
    told = text_of(sample_report(replace(repeat(), sweep=(late,))))
    assert "| 0 | queue grows | " in told


def test_rows_are_as_wide_as_their_header():
    for _, rows in tables(sample_report()):
        assert len({len(row) for row in rows}) == 1


def test_lost_frames_are_told_with_their_reason():
    assert "5 overload" in text_of(sample_report())
    lost = {"dropped": {"overload": 2, "deadline": 1}, "missing": 0, "undelivered": 3, "unsent": 4}
    assert losses(lost) == {"overload": 2, "deadline": 1, "undelivered": 3, "unsent": 4}


def test_where_no_rate_held_there_are_no_latencies():
    told = text_of(sample_report(repeat(best_hz=None, steady_hz=None)))
    assert "highest rate | 0 Hz" in told
    assert "Steady" not in told


def test_a_steady_load_that_did_not_hold_is_told():
    both, one = repeat(), repeat(steady_lost=1)
    assert "held | in 2 of 2 runs" in text_of(sample_report(both, both))
    assert "held | in 1 of 2 runs" in text_of(sample_report(both, one))


def test_a_card_is_told():
    assert "a card | busy 50%, 1024 MiB" in text_of(sample_report(repeat(gpus=(CARD,))))


def test_ratios_over_the_loop_are_told():
    made = sample_report()
    turn = {"embed": 0.5, "graph": 0.25, "rest": 0.25}
    slow = {name: 10.0 * seconds for name, seconds in turn.items()}
    spent = {ours("chips", "bf16"): [turn], LOOP: [slow], BATCHED: [slow]}
    made["against"] = as_report(SideBySide(shape=(64, 64), chips=9, spent=spent))
    told = text_of(made)
    assert "Scopeside, chips mode, bf16 | 1000.00 (1000.00 to 1000.00) | 500.0" in told
    assert "10.00 (10.00 to 10.00)" in told
    # Both names and their precision have to be read: nothing may be cut for want of width.
    beside = [rows for heading, rows in tables(made) if "loop" in heading or "Times" in heading]
    assert [len(rows) for rows in beside] == [4, 2]
    assert all(len("  ".join(row)) < 100 for rows in beside for row in rows)
