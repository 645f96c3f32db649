"""The web process by itself: who signs in gets a cookie, and it ends with the service."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.cookies import SimpleCookie

import psutil
import pytest

from scopeside.http_settings import HttpSettings
from scopeside.settings import LogSettings
from scopeside.web_beat import Beats
from scopeside.web_spec import WebSpec

SOON_S = 60.0
TOKEN = "correct-horse-battery"


@contextmanager
def web_process(folder):
    """The process, as the service starts it, and where it answers; there is no service."""
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    beats = Beats()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        spec = WebSpec(
            http=HttpSettings(endpoint=address, token_file=token),
            log=LogSettings(),
            control=f"ipc://{folder / 'c'}",
            events=f"ipc://{folder / 'e'}",
            socket_fd=listening.fileno(),
            beat_fd=beats.writing_fd,
        )
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scopeside.web.process"],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno(), beats.writing_fd],
        )
    try:
        process.stdin.write(spec.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        yield process, address
        assert beats.look() == 0.0  # it gave signs of life meanwhile
    finally:
        beats.close()
        process.kill()
        process.wait()
        process.stdin.close()


def post(address, body):
    request = urllib.request.Request(f"{address}/login", data=body.encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=SOON_S) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def test_the_token_gives_a_cookie_that_no_script_reads_and_no_other_page_sends(tmp_path):
    with web_process(tmp_path) as (_, address):
        code, headers = post(address, "another-token-altogether")
        assert code == 401
        assert "set-cookie" not in headers
        code, headers = post(address, TOKEN)
    assert code == 200
    (cookie,) = SimpleCookie(headers["set-cookie"]).values()
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert TOKEN not in cookie.value


def test_it_ends_when_the_service_is_gone_and_gives_the_port_back(tmp_path):
    with web_process(tmp_path) as (process, address):
        assert post(address, TOKEN)[0] == 200
        process.stdin.close()  # as the system does it for a service that was killed
        assert process.wait(SOON_S) == 0
        port = int(address.rpartition(":")[2])
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="there is no such policy here")
def test_it_stands_back_for_the_pipeline(tmp_path):
    with web_process(tmp_path) as (process, address):
        assert post(address, TOKEN)[0] == 200
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
        assert psutil.Process(process.pid).nice() == 19
