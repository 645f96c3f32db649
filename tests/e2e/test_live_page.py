"""The live page in a real headless browser, on a live service."""

import json
import math
import time
from contextlib import contextmanager

import pytest

from browser import browser
from live import (
    READY_S,
    SMALL,
    Endpoints,
    free_port,
    ipc_endpoints,
    running,
    serving,
    two_phases,
)
from scopeside.client.publisher import FramePublisher

pytestmark = pytest.mark.e2e

LOSSLESS = ["ingest.socket=pull"]
FRAME = "Number(document.querySelector('#about').textContent.match(/frame (\\d+)/)?.[1] ?? -1)"
ROWS = "document.querySelectorAll('#legend tbody tr').length"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(chromium):
    with chromium.page() as page:
        page.look(width=1280, height=720)
        yield page


@pytest.fixture
def endpoints(tmp_path):
    plain = ipc_endpoints(tmp_path)
    return Endpoints(
        *(plain.frames, plain.results, plain.events, plain.control),
        http=f"http://127.0.0.1:{free_port()}",
    )


@contextmanager
def shown(page, endpoints, *, frames=3, sets=()):
    """A service that the page shows, and its microscope."""
    with (
        running(endpoints, sets=[*LOSSLESS, *sets]) as service,
        service.publisher(socket="push") as microscope,
    ):
        microscope.start("film")
        for number in range(frames):
            microscope.frame(two_phases(seed=number), dose_e_per_m2=1e22 * number)
        page.open(endpoints.http)
        page.until(f"{FRAME} === {frames - 1}")
        yield microscope


def test_the_page_appears_and_follows_the_frames(page, endpoints):
    with shown(page, endpoints) as microscope:
        assert page(ROWS) == 2
        areas = page(
            "[...document.querySelectorAll('#legend tbody .number')].map(e => e.textContent)"
        )
        assert all(area.endswith(" %") for area in areas[::2])
        assert page("document.querySelector('#empty').hidden")
        # The right half of the frame is the brighter one; community 2 lies between the halves.
        grey = (
            "document.querySelector('#frame').getContext('2d').getImageData(%d, 40, 1, 1).data[0]"
        )
        assert page(grey % 60) > page(grey % 4)
        tint = "document.querySelector('#tint').getContext('2d').getImageData(%d, 40, 1, 1).data"
        left, middle = (page(f"[...{tint % x}]") for x in (8, 32))
        assert left[3] == middle[3] == 255
        assert left != middle
        for number in range(3, 8):
            microscope.frame(two_phases(seed=number), dose_e_per_m2=1e22 * number)
        page.until(f"{FRAME} === 7")
        page.until("document.querySelector('#words').textContent.startsWith('Waiting for frames')")
        assert endpoints.frames in page.text("#words")
        page.until("document.querySelector('#plot-fractions canvas') !== null")
        assert "running on CPU" in page.text("#where") or "Running on CPU" in page.text("#where")
        page.click("#tab-times")
        page.until("document.querySelector('#times tbody').textContent.includes('embed')")
        page.click("#tab-runs")
        page.until("document.querySelector('#runs tbody').textContent.includes('film')")
    assert page.faults == []


def test_a_name_survives_a_reload_with_and_without_a_frame_in_between(page, endpoints):
    with shown(page, endpoints) as microscope:
        page.click("#legend tr[data-id='1'] .name")
        page.type("amorphous <b>")
        page.press("Enter")
        named = "document.querySelector(\"#legend tr[data-id='1'] .name\")?.textContent"
        page.until(f"{named} === 'amorphous <b>'")
        for number in (3, None):
            page.reload()
            page.until(f"{named} === 'amorphous <b>'")
            if number is not None:
                microscope.frame(two_phases(seed=number))
                page.until(f"{FRAME} === {number}")
    assert page.faults == []


def alpha(page, x):
    """Of the communities' layer, at half the frame's height: 1 lies left and right, 2 between."""
    look = f"document.querySelector('#tint').getContext('2d').getImageData({x}, 40, 1, 1).data[3]"
    return page(look)


def test_communities_are_hidden_shown_alone_and_shown_again(page, endpoints):
    with shown(page, endpoints):
        page.click("#legend tr[data-id='1'] input[type=checkbox]")
        assert (alpha(page, 8), alpha(page, 32)) == (0, 255)
        page.click("#legend tr[data-id='1'] .solo")
        assert (alpha(page, 8), alpha(page, 32)) == (255, 0)
        page.press("h")
        assert (alpha(page, 8), alpha(page, 32)) == (255, 255)


def test_opacity_outlines_and_the_three_views_go_by_button_and_key(page, endpoints):
    with shown(page, endpoints):
        hidden = "['tint', 'outline'].map(id => document.getElementById(id).hidden)"
        assert page(hidden) == [False, False]
        page.press("o")
        assert page(hidden) == [False, True]
        page.press("3")
        assert page(hidden) == [True, True]
        page.press("1")
        page.press("-")
        assert page("document.querySelector('#tint').style.opacity") == "0.3"
        page.press("2")
        # Confidence is asked for with the first look at it: sure inside, less so at a border.
        page.until("!document.querySelector('#confidence-key').hidden")
        red = "document.querySelector('#tint').getContext('2d').getImageData(%d, 40, 1, 1).data[0]"
        page.until(f"{red % 4} > 240 && {red % 24} < 240")


def test_a_click_gives_targets_in_the_community_under_it(page, endpoints):
    with shown(page, endpoints):
        page.click("#tool-targets")
        page.drag("#layers", (0.5, 0.5), (0.5, 0.5))
        page.until("document.querySelectorAll('#points tbody tr').length > 0")
        points = page(
            "[...document.querySelectorAll('#points tbody tr')].map("
            "row => [...row.cells].map(cell => Number(cell.textContent)))"
        )
        assert all(22 < x_px < 42 for _, _, x_px, *_ in points)
        assert page("document.querySelectorAll('#marks circle.point').length") == len(points)
        page.click("#points-clear")
        assert page("document.querySelectorAll('#marks circle.point').length") == 0
    assert page.faults == []


def moving(split):
    return two_phases((128, 192), split=split, seed=split)


def test_a_line_that_is_dragged_raises_an_alarm_when_the_front_crosses_it(page, endpoints):
    with running(endpoints, sets=LOSSLESS) as service:
        microscope = service.publisher(socket="push")
        with microscope:
            microscope.start("film")
            for split in (100, 110):
                microscope.frame(moving(split))
            page.open(endpoints.http)
            page.until("document.querySelector('#marks line.front') !== null")
            page.until("!document.querySelector('#tool-alarm').hidden")
            page.press("a")
            page.drag("#layers", (0.6, 0.1), (0.6, 0.9))
            page.until("document.querySelector('#rule-dialog').open")
            assert "between community 1 and community 2" in page.text("#rule-front")
            page.type("front at the line")
            page.press("Enter")
            page.until("document.querySelector('#rules').textContent.includes('front at the line')")
            (rule,) = service.control.call("rules")["rules"]
            assert (rule["between"], rule["figure"]) == ([1, 2], "x_px")
            assert abs(rule["crosses"] - 0.6 * 192) < 2
            page.click("#tab-plots")
            for split in (110, 140):
                microscope.frame(moving(split))
            page.until("document.querySelector('#alarm-count').textContent === '1'")
            page.click("#tab-alarms")
            alarm = page.text("#events .alarm span")
            assert alarm.startswith("front at the line: x_px between 1 and 2 is 1")
            assert page("document.querySelector('#alarm-count').hidden")
            page.click("#rules button")
            page.until("document.querySelector('#rules').children.length === 0")
            assert service.control.call("rules")["rules"] == []
            # What another program sets is seen here too, and its line is drawn.
            elsewhere = {"watch": "front", "figure": "x_px", "between": [1, 2], "above": 150.0}
            service.control.call("rules", action="set", rule={"name": "elsewhere", **elsewhere})
            page.until("document.querySelector('#rules').textContent.includes('elsewhere')")
            microscope.frame(moving(140))
            page.until("document.querySelector('#marks line.limit') !== null")
    assert page.faults == []


def test_a_front_is_drawn_as_long_as_it_is_and_the_scale_is_a_round_length(page, endpoints):
    with running(endpoints, sets=LOSSLESS) as service, service.publisher(socket="push") as scope:
        # Both halves of the frame are 128 px high: so is the front. A quarter of its width is 10 nm
        # but for the last digit, where a round length is hardest to find.
        scope.start("film", pixel_size_m=(4e-8 / 192, 4e-8 / 192))
        for split in (100, 101):
            scope.frame(moving(split))
        page.open(endpoints.http)
        page.until("document.querySelector('#marks line.front') !== null")
        ends = page(
            "['x1', 'y1', 'x2', 'y2'].map(one => Number("
            "document.querySelector('#marks line.front:not(.under)').getAttribute(one)))"
        )
        assert math.hypot(ends[2] - ends[0], ends[3] - ends[1]) == pytest.approx(128, abs=12)
        assert page.text("#scale span") in ("10 nm", "5 nm")
        words = page(
            "import('/static/marks.js').then(({scaleBar}) => "
            "[1e-8, 1.0000000000000002e-8, 9.999999999999999e-9, 4.9e-9, 2e-6, 1e-3, 0.5]"
            ".map(most => scaleBar(most).text))"
        )
        assert words[2] in ("10 nm", "5 nm")
        assert words[3:] == ["2 nm", "2 µm", "1 mm", "500 mm"]
        assert not any("NaN" in word for word in words)
    assert page.faults == []


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768), (390, 844)])
def test_nothing_is_wider_than_its_place(page, endpoints, size):
    page.look(width=size[0], height=size[1])
    with shown(page, endpoints):
        page.until("document.querySelector('#times tbody td') !== null")
        assert page("document.documentElement.scrollWidth") <= size[0]
        for tab in ("plots", "times", "alarms", "runs"):
            page.click(f"#tab-{tab}")
            over = f"(e => e.scrollWidth - e.clientWidth)(document.querySelector('#{tab}'))"
            assert page(over) <= 0, tab
        assert (
            page("(e => e.scrollWidth - e.clientWidth)(document.querySelector('#legend-box'))") <= 0
        )


def test_pause_and_resume_are_a_button_and_words(page, endpoints):
    with shown(page, endpoints) as microscope:
        page.until("!document.querySelector('#pause').disabled")
        page.click("#pause")
        page.until("document.querySelector('#words').textContent.startsWith('Paused')")
        page.until("document.querySelector('#pause').textContent === 'Resume'")
        page.press("p")
        page.until("document.querySelector('#pause').textContent === 'Pause'")
        microscope.frame(two_phases())
        page.until(f"{FRAME} === 3")


def test_a_hidden_page_asks_for_nothing_and_catches_up(page, endpoints):
    with shown(page, endpoints) as microscope:
        page(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "window.sent = 0; const send = WebSocket.prototype.send;"
            "WebSocket.prototype.send = function (...all) { window.sent++; send.apply(this, all); }"
        )
        # What was asked before may still be answered: one picture and one state.
        microscope.frame(two_phases(seed=3))
        page.until(f"{FRAME} === 3")
        time.sleep(1.5)
        for number in range(4, 9):
            microscope.frame(two_phases(seed=number))
        time.sleep(1.0)
        assert page("window.sent") == 0
        assert page(FRAME) == 3
        page("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        page.until(f"{FRAME} === 8")


def test_the_page_comes_back_when_the_service_was_restarted(page, endpoints, tmp_path):
    sets = [*SMALL, *LOSSLESS]
    with FramePublisher(endpoints.frames, socket="push") as microscope:
        for run, name in enumerate(("first", "second")):
            with serving(endpoints, sets=sets, log=tmp_path / f"{name}.log"):
                if run == 0:
                    page.open(endpoints.http)
                microscope.start(name)
                for number in range(run + 2):
                    microscope.frame(two_phases(seed=number))
                page.until(f"document.querySelector('#about').textContent.startsWith('{name}')")
                page.until(f"{FRAME} === {run + 1}")
            page.until("document.querySelector('#words').textContent.includes('does not answer')")


def test_who_comes_from_elsewhere_signs_in_once(page, endpoints, tmp_path):
    (tmp_path / "token").write_text("correct-horse-battery\n")
    with running(endpoints, sets=[*LOSSLESS, f"http.token_file={tmp_path}/token"]) as service:
        page.open(endpoints.http)
        page.until("document.querySelector('#login').open")
        for token in ("wrong", "correct-horse-battery"):
            page.until("document.querySelector('#login').open")
            page("document.querySelector('#token').focus()")
            page.type(token)
            page.press("Enter")
            page.until("!document.querySelector('#login').open")
        page.until("document.querySelector('#words').textContent.startsWith('Waiting')")
        page.reload()
        page.until("document.querySelector('#words').textContent.startsWith('Waiting')")
        assert not page("document.querySelector('#login').open")
        assert service.status()["state"] == "ready"
    assert [fault for fault in page.faults if "401" not in fault] == []


def test_another_page_can_neither_listen_nor_act(page, endpoints):
    with running(endpoints, sets=LOSSLESS):
        page.open("data:text/html,<title>elsewhere</title>")
        opened = page(
            "new Promise(done => { const socket = new WebSocket("
            + json.dumps(endpoints.http.replace("http", "ws") + "/live")
            + "); socket.onopen = () => done('opened'); socket.onerror = () => done('refused'); })"
        )
        assert opened == "refused"


def test_many_frames_leave_nothing_behind_in_the_page(page, endpoints):
    most_bytes = 1_500_000
    with shown(page, endpoints) as microscope:
        page("window.seen = 0")
        held = []
        number = 3
        until_s = time.monotonic() + READY_S
        for _ in range(3):
            begun = page("performance.now()")
            while page("performance.now()") - begun < 1200:
                assert time.monotonic() < until_s
                microscope.frame(two_phases(seed=number % 7))
                number += 1
            page.until(f"{FRAME} === {number - 1}")
            held.append(page.heap_bytes())
    # The first round fills plots and caches.
    assert held[-1] - held[-2] < most_bytes, held
    assert page.faults == []
