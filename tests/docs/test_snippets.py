"""The Python that the documentation shows runs as it is shown, against a live service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from contract_messages import community
from doc_snippets import PAGES, ROOT, blocks, command_lines, python_block
from live import READY_S, SMALL, ipc_endpoints, running, two_phases
from recorded import series_messages, write
from saved import labels_of, save, saved_message
from scopeside.client.connection import ClientKeys
from scopeside.client.control import ControlClient
from scopeside.configuration import load_settings
from scopeside.runtime.service import Service
from snippet_runs import CLIENT_PAGE, LIMIT_S, LOOP_PAGE, on, ran

PUBLISH = ("README.md", "FramePublisher")
READ = ("README.md", "client.results()")
CONTROL = ("README.md", "client.set(")
CONTRACT = ("docs/wire-contract.md", "import msgpack")
MAKE_KEYS = ("docs/security.md", "create_certificates")
USE_KEYS = ("docs/security.md", "ClientKeys")
RECORDING = ("docs/recording.md", "import h5py")
ALARM = ("docs/steering.md", "half amorphous")
SAVED_ROWS = ("docs/saving.md", "import json")
SAVED_STACK = ("docs/saving.md", "dask.array")
ASK_A_RUN = ("docs/tutorials/first-run.md", "open_run")
ACT = ("docs/tutorials/act-on-results.md", "next_result")
TESTED = [
    *(ALARM, PUBLISH, READ, CONTROL, CONTRACT, MAKE_KEYS, USE_KEYS, RECORDING),
    *(SAVED_ROWS, SAVED_STACK, ASK_A_RUN, ACT),
    # Run by test_client_pages.py.
    *(("docs/client.md", text) for text in CLIENT_PAGE.values()),
    *(("docs/write-a-loop.md", text) for text in LOOP_PAGE.values()),
]


def test_every_python_block_of_the_documentation_is_run_here():
    shown = [
        (str(page.relative_to(ROOT)), block)
        for page in PAGES
        for block in blocks(str(page.relative_to(ROOT)), "python")
    ]
    tested = [(page, python_block(page, text)) for page, text in TESTED]

    assert sorted(shown) == sorted(tested)


@contextmanager
def listening(code: str, folder: Path):
    """A snippet that goes on until it is ended; yields the lines that it has printed so far."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    lines: list[str] = []
    reader = Thread(target=lambda: lines.extend(process.stdout))
    reader.start()
    try:
        yield lines
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        reader.join(LIMIT_S)
        process.stdout.close()


def test_frames_published_as_the_readme_shows_are_read_as_the_readme_shows(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    with (
        running(endpoints) as service,
        listening(on(endpoints, python_block(*READ)), tmp_path) as lines,
    ):
        until_s = time.monotonic() + LIMIT_S
        # A listener hears nothing before it has joined: publish until it has.
        while not any("dropped so far" in line for line in lines):
            assert time.monotonic() < until_s, "the listener printed nothing"
            ran(on(endpoints, python_block(*PUBLISH)), tmp_path)
            until_settled(service)
        totals = service.status()["totals"]

    assert totals["segmented"] > 0
    assert totals["received"] == totals["segmented"] + totals["dropped"].get("overload", 0)
    text = "".join(lines)
    assert re.search(r"^frame \d+: \d+ ms$", text, re.MULTILINE)
    assert re.search(r"^  community \d+: \d+% of the frame, [01]\.\d\d sure$", text, re.MULTILINE)


def test_the_alarm_snippet_hears_the_rule_that_the_page_declares(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    rule = '{name="half amorphous", watch="fraction", above=0.1}'
    with (
        running(endpoints, sets=["ingest.socket=pull", f"rules=[{rule}]"]) as service,
        listening(on(endpoints, python_block(*ALARM)), tmp_path) as lines,
        service.publisher(socket="push") as publisher,
    ):
        until_s, series = time.monotonic() + LIMIT_S, 0
        # A listener hears nothing before it has joined: let the rule fire until it has.
        while not lines:
            assert time.monotonic() < until_s, "the listener printed nothing"
            series += 1
            publisher.start(f"s{series}")
            publisher.frame(two_phases())
            assert service.results.receive(LIMIT_S) is not None

    assert re.fullmatch(r"blank the beam: \d+%, \d+ ms\n", lines[0])


def until_settled(service) -> None:
    while service.status()["totals"]["in_flight"]:
        time.sleep(0.01)


def test_the_control_snippet_changes_the_service(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    with running(endpoints, sets=["ingest.socket=pull"]) as service:
        # A community can be named once a result has shown it.
        with service.publisher(socket="push") as publisher:
            publisher.start("s")
            publisher.frame(two_phases())
        assert service.results.receive(LIMIT_S) is not None
        printed = ran(on(endpoints, python_block(*CONTROL)), tmp_path)
        changed = service.control.call("config")["config"]["graph"]["resolution"]

    assert re.fullmatch(r"ready\n(visit row \d+, column \d+\n){1,3}", printed)
    assert changed == 0.5


def test_the_contracts_example_needs_none_of_our_code(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    code = python_block(*CONTRACT)
    assert "scopeside" not in code.replace("scopeside.frame", "")

    with running(endpoints) as service:
        printed = ran(on(endpoints, code), tmp_path)
        until_settled(service)
        totals = service.status()["totals"]

    assert re.fullmatch(r"frame \d+ has the communities \[\d+(, \d+)*\]\n", printed)
    assert set(totals["dropped"]) <= {"overload"}


@pytest.fixture
def keys(tmp_path):
    ran(python_block(*MAKE_KEYS), tmp_path)
    return tmp_path / "keys"


def test_a_service_with_the_keys_of_the_security_page_admits_its_clients(
    tmp_path, keys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (shown,) = [
        line
        for line in command_lines("docs/security.md", "scopeside")
        if "security.curve=true" in line
    ]
    endpoints = ipc_endpoints(tmp_path)
    sets = [word for word in shown if word.startswith("security.")]
    service = Service(load_settings(sets=[*SMALL, *endpoints.sets(), *sets]))
    thread = Thread(target=service.run)
    thread.start()
    try:
        watcher = ClientKeys(server=keys / "service.key", client=keys / "watcher.key_secret")
        with ControlClient(endpoints.control, keys=watcher) as control:
            control.wait_until("ready", READY_S)
        printed = ran(on(endpoints, python_block(*USE_KEYS)), tmp_path)
    finally:
        service.stop()
        thread.join(READY_S)

    assert printed == "ready\nthe service has come: True\n"


def test_a_recording_is_read_with_hdf5_alone_as_its_page_shows(tmp_path):
    code = python_block(*RECORDING)
    assert "scopeside" not in code
    write(tmp_path / "run.h5", series_messages("film", 3))

    lines = ran(code, tmp_path).splitlines()

    assert [line.split()[1] for line in lines] == ["-1", "0", "1", "2", "-1"]
    assert all(line.endswith(f", {24 * 32 * 2}]") for line in lines[1:4])


def test_the_first_runs_question_is_answered_from_what_was_saved(tmp_path):
    def frame(n, *, left, **more):
        shares = [community(1, fraction=left), community(2, fraction=1 - left)]
        return saved_message(n, communities=shares, dose=1e22 * n, **more)

    (tmp_path / "runs").mkdir()
    save(
        tmp_path / "runs/run.zarr",
        *(frame(n, left=1 - 0.2 * n) for n in range(5)),
        frame(0, left=0.9, series="whole"),
    )

    assert ran(python_block(*ASK_A_RUN), tmp_path) == ("run-1: frame 3, 3e+22 e/m2\nwhole: never\n")


def test_the_loop_of_the_tutorial_gets_the_result_of_each_of_its_frames(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    at = f"results={endpoints.results!r}, events={endpoints.events!r}"
    code = on(endpoints, python_block(*ACT)).replace(
        "Client()", f"Client({at}, control={endpoints.control!r})"
    )
    with running(endpoints, sets=["ingest.attach=bind"]):
        lines = ran(code, tmp_path).splitlines()

    shown = [line.split(":")[0] for line in lines if line.startswith("frame")]
    assert shown == [f"frame {n}" for n in range(len(shown))]
    assert lines[-1].startswith("something has changed") or len(shown) == 6


def test_a_saved_run_is_read_with_zarr_alone_as_its_page_shows(tmp_path):
    rows, stack = python_block(*SAVED_ROWS), python_block(*SAVED_STACK)
    assert "scopeside" not in rows + stack
    save(
        tmp_path / "run.zarr",
        *(
            saved_message(n, labels=np.ones((6, 8)), image=labels_of(n), size=(1e-9, 1e-9))
            for n in range(3)
        ),
    )

    assert ran(rows, tmp_path).splitlines() == [f"{n} 1 48 1.0" for n in range(3)]
    assert ran(stack, tmp_path) == (
        "(3, 6, 8) [('t', 'second'), ('y', 'nanometer'), ('x', 'nanometer')]\n"
    )


def test_the_secret_keys_are_not_among_the_admitted(keys):
    assert sorted(path.name for path in (keys / "clients").iterdir()) == [
        "microscope.key",
        "watcher.key",
    ]
