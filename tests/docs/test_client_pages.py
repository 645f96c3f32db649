"""The client's pages: every snippet runs as it is shown, on a live service and on the twin."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager

import pytest

from doc_snippets import ROOT, command_lines, python_block
from live import ANSWER_S, free_port, ipc_endpoints, running, started, two_phases, wait_until_ready
from scopeside.client import Client
from snippet_runs import CLIENT_PAGE, LOOP_PAGE, on, ran, ran_here

PITCH_M = 2e-10
AFFINE = ((PITCH_M, 0.0, 1e-6), (0.0, PITCH_M, 3e-6))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that gets ten frames a second, all of one series."""
    endpoints = ipc_endpoints(tmp_path_factory.mktemp("pages"))
    with running(endpoints, sets=["ingest.socket=pull"]) as service, frames(service):
        yield service


@contextmanager
def frames(service):
    over = threading.Event()

    def send():
        with service.publisher(socket="push", send_timeout_s=ANSWER_S) as publisher:
            publisher.start("run", pixel_size_m=(PITCH_M, PITCH_M))
            while not over.wait(0.1):
                publisher.frame(two_phases(), pixel_to_stage=AFFINE)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def shown(service, block):
    return ran_here(on(service.endpoints, python_block("docs/client.md", CLIENT_PAGE[block])))


def test_results(service):
    printed = shown(service, "results")
    assert re.search(r"^frame \d+: (community \d+|film) covers \d+%$", printed, re.MULTILINE)


def test_label_maps(service):
    printed = shown(service, "label map")
    pixels, nm2 = (int(one) for one in re.match(r"(\d+) pixels, (\d+) nm2", printed).groups())
    assert nm2 == pytest.approx(pixels * (1e9 * PITCH_M) ** 2, abs=1)
    assert len(re.findall(r"^to visit: row \d+, column \d+, at \(", printed, re.MULTILINE)) == 3


def test_commands(service):
    printed = shown(service, "commands")
    assert re.fullmatch(r"(visiting row \d+, column \d+\n)+[12] visited, ready\n", printed)


def test_events(service):
    assert shown(service, "events") == "heartbeat ready\n"


def test_frames(tmp_path):
    with running(ipc_endpoints(tmp_path)) as service:  # one that takes frames from a PUB socket
        printed = shown(service, "frames")
    assert re.fullmatch(r"\d+\.\d ms after the exposure, \+- \d+\.\d\d ms\n", printed)


def test_asyncio(service):
    printed = shown(service, "asyncio")
    assert re.fullmatch(r"frame \d+: 1 point to visit\n", printed)


def test_errors(service):
    refusal, silence = shown(service, "errors").splitlines()
    assert refusal.startswith("bad_value - ")
    assert "series never sent" in silence


def test_bluesky(service, tmp_path):
    at = service.endpoints
    with Client(results=at.results, control=at.control) as client:
        shown = client.next_result(ANSWER_S)
        client.name(max(shown.communities, key=lambda one: one.area_px).id, "film")
    code = on(at, python_block("docs/client.md", CLIENT_PAGE["bluesky"]))
    first, second, reached = ran(code, tmp_path).splitlines()
    assert "'order-fraction_film': 0." in first
    assert first != second
    assert reached == "True"
    assert len(list((tmp_path / "labels").glob("*.h5"))) == 2


@pytest.mark.e2e
def test_the_loop_of_the_page_runs_on_the_twin_as_it_is_built_there(tmp_path):
    endpoints, twin = ipc_endpoints(tmp_path), f"tcp://127.0.0.1:{free_port()}"
    commands = {words[0]: words for words in command_lines("docs/write-a-loop.md", "scopeside")}
    serve, simulate = commands["serve"], commands["twin"]
    serve = [word.replace("examples/", f"{ROOT}/examples/") for word in serve]
    log = tmp_path / "serve.log"
    serve += [f"--set={one}" for one in endpoints.sets()]
    simulate += ["--to", endpoints.frames, "--control", twin]

    def shown(block):
        code = python_block("docs/write-a-loop.md", LOOP_PAGE[block])
        return ran_here(on(endpoints, code, twin=twin))

    with (
        started(*serve, log=log) as process,
        started(*simulate, log=tmp_path / "twin.log"),
    ):
        wait_until_ready(process, endpoints, log)
        seen = shown("see")
        decided = shown("decide")
        acted = shown("act")
        measured = shown("measure")
    assert re.fullmatch(r"(frame \d: \{'community \d+': '\d+%'.*\}\n){3}", seen)
    assert "the front is off the middle by" in decided
    lines = acted.splitlines()
    assert len(lines) == 20
    followed = [line for line in lines if re.search(r"\d+\.\d nm off the middle", line)]
    assert len(followed) >= 18
    assert int(re.search(r"in view in (\d+) of the last 20", measured)[1]) >= 18


def test_an_instrument_in_place_of_the_twin(tmp_path):
    code = python_block("docs/write-a-loop.md", LOOP_PAGE["instrument"])
    with running(ipc_endpoints(tmp_path), sets=["ingest.socket=pull"]) as service:
        printed = ran_here(on(service.endpoints, code))
    assert re.fullmatch(r"frame 0 has \d+ communities\n", printed)
