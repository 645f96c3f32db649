from rich.console import Console

from contract_messages import accounting, community, drop, heartbeat, packed, result
from scopeside.client.result import Result
from scopeside.view.display import display
from scopeside.view.monitor import Monitor
from scopeside.view.terminal import drop_line, drops_in_words, line, panel


def watched(*, books=None, frames=1):
    monitor = Monitor()
    monitor.event(heartbeat("ready"), now_s=0.0)
    for frame in range(frames):
        entries = [
            community(1, fraction=0.75 - 0.02 * frame, name="amorphous"),
            community(2, fraction=0.25 + 0.02 * frame, color=(200, 0, 0)),
        ]
        message = result(frame, communities=entries, accounting=books or accounting(frame + 1))
        monitor.result(Result.from_bytes(packed(message)), now_s=0.5 * frame)
    return monitor.snapshot(now_s=0.5 * frames)


def text_of(snapshot):
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(panel(snapshot, title="scopeside watch"))
    console.file.close()
    return console.export_text()


def test_a_line_tells_frame_rate_latency_communities_and_state():
    text = line(watched(frames=3))
    assert "frame 2" in text
    assert "2.0/s" in text
    assert "latency ms p50 250 p95 250 p99 250" in text
    assert "amorphous 71% community 2 29%" in text
    assert "service ready" in text
    assert "dropped" not in text


def test_drops_are_told_by_reason():
    books = accounting(4, dropped={"stale": 1, "overload": 2}, missing=3, duplicate=1)
    for text in (line(watched(books=books)), text_of(watched(books=books))):
        assert "dropped 2 overload, 1 stale" in text
        assert "1 duplicate" in text
        assert "3 missing" in text


def test_the_panel_shows_everything_at_once():
    text = text_of(watched(frames=3))
    for words in ("ready", "series run-1", "p99 ms", "embed", "amorphous", "71.0 %", "▼ 4.0 %"):
        assert words in text, words
    assert "nothing dropped, nothing missing" in text


def test_a_silent_service_is_said_to_be_silent():
    assert "service not heard from" in text_of(Monitor().snapshot(now_s=0.0))


def test_where_there_is_no_terminal_each_result_is_a_line_and_a_note_is_said_once(capsys):
    with display("watching", plain=False) as show:
        snapshot = watched(frames=2)
        show(snapshot, "")
        show(snapshot, "Nothing has come for 5 s")
        show(snapshot, "Nothing has come for 6 s")
        show(watched(frames=3), "")
    written = capsys.readouterr()
    assert [text.split(" |")[0] for text in written.out.splitlines()] == ["frame 1", "frame 2"]
    assert written.err.splitlines() == ["watching", "Nothing has come for 5 s"]


def test_lines_can_be_thinned_out(capsys):
    with display("watching", plain=True, every_s=3600.0) as show:
        for frames in range(1, 5):
            show(watched(frames=frames), "")
    assert len(capsys.readouterr().out.splitlines()) == 1


def refused(dropped=20):
    """A service that dropped every frame there was."""
    monitor = Monitor()
    for count in range(dropped + 1):
        totals = accounting(0, dropped={"bad_dtype": count} if count else {})
        monitor.event(heartbeat("ready", totals=totals), now_s=0.0)
        monitor.event(drop(), now_s=0.0)
    return monitor.snapshot(now_s=0.0)


def test_drops_are_told_where_no_frame_became_a_result():
    for text in (drop_line(refused()), text_of(refused())):
        assert "dropped 20 bad_dtype" in text
        assert "last drop: bad_dtype, series 'run-1', frame 7: Element type 'uint16'" in text
        assert "nothing dropped" not in text


def test_the_last_alarm_is_shown():
    monitor = Monitor()
    alarm = {"kind": "alarm", "rule": "stop", "watch": "fraction", "community": 2, "value": 0.5}
    monitor.event(alarm, now_s=0.0)
    assert "last alarm: 'stop': fraction of 2 is 0.5" in text_of(monitor.snapshot(now_s=0.0))


def test_nothing_is_claimed_of_books_that_nobody_heard():
    text = text_of(Monitor().snapshot(now_s=0.0))
    assert "nothing dropped" not in text
    assert "no books yet" in text


def test_the_whole_service_is_told_of_where_it_counts_more_than_the_series():
    monitor = Monitor()
    books = accounting(1, dropped={"stale": 1}, missing=2)
    monitor.result(Result.from_bytes(packed(result(0, accounting=books))), now_s=0.0)
    monitor.event(heartbeat(totals=books), now_s=0.0)
    assert drops_in_words(monitor.snapshot(now_s=0.0)) == "dropped 1 stale; 2 missing"
    more = accounting(1, dropped={"stale": 1, "deadline": 4}, missing=2)
    monitor.event(heartbeat(totals=more), now_s=0.0)
    assert drops_in_words(monitor.snapshot(now_s=0.0)) == (
        "dropped 1 stale; 2 missing; "
        "since the service began: dropped 4 deadline, 1 stale; 2 missing"
    )


def test_where_there_is_no_terminal_drops_without_results_are_lines_too(capsys):
    with display("watching", plain=True) as show:
        for dropped in (0, 2, 2, 3):
            show(refused(dropped), "")
        show(watched(), "")
    lines = capsys.readouterr().out.splitlines()
    assert [text.split(" | ")[:2] for text in lines[:2]] == [
        ["no new result", "since the service began: dropped 2 bad_dtype"],
        ["no new result", "since the service began: dropped 3 bad_dtype"],
    ]
    assert [text.split(" | ")[0] for text in lines[2:]] == ["frame 0"]
