"""The wire contract is enough: a client that knows nothing of our code does everything with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from live import ANSWER_S, SMALL, ipc_endpoints, serving, tcp_endpoints

pytestmark = pytest.mark.e2e

CLIENT = Path(__file__).with_name("independent_client.py")

# Runs the client where importing anything of ours fails.
ALONE = """
import runpy, sys
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].startswith("scopeside"):
            raise ImportError(f"{name} is imported by a client that must not know it")
sys.meta_path.insert(0, Forbid())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def alone(*words, timeout_s=110):
    return subprocess.run(
        [sys.executable, "-c", ALONE, *words],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.mark.parametrize("kind", ["tcp", "ipc"])
def test_a_client_written_from_the_contract_alone_finds_it_kept(tmp_path, kind):
    endpoints = tcp_endpoints() if kind == "tcp" else ipc_endpoints(tmp_path)
    log = tmp_path / "serve.log"
    with serving(endpoints, sets=[*SMALL, "ingest.socket=pull"], log=log) as process:
        client = alone(
            str(CLIENT), endpoints.frames, endpoints.results, endpoints.events, endpoints.control
        )
        assert client.returncode == 0, client.stderr + log.read_text()
        assert process.wait(ANSWER_S) == 0
    seen = json.loads(client.stdout)
    assert seen["ours"] == []
    assert seen["frames"] == 25
    heard = {"alarm", "community", "drop", "heartbeat", "observation", "series", "targets"}
    assert set(seen["events"]) == heard


def test_the_guard_against_our_code_works(tmp_path):
    script = tmp_path / "cheat.py"
    script.write_text("import scopeside.client.publisher\n")
    done = alone(str(script))
    assert done.returncode == 1
    assert "must not know it" in done.stderr
