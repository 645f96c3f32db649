"""What the acquisition computer installs: NumPy, pyzmq, msgpack, pydantic, and nothing else."""

import subprocess
import sys

import msgpack
import numpy as np
import pytest
import zmq

from contract_messages import packed, result
from live import free_port, two_phases
from receiving import SOON_MS, receiver

pytestmark = pytest.mark.e2e

# Runs Python where only the base packages (with what they need themselves) can be imported.
BASE = """
import sys
ALLOWED = set(sys.stdlib_module_names) | {
    "scopeside", "scopeside_kernels", "numpy", "zmq", "msgpack", "pydantic",
    "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection",
}
class OnlyBase:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top in ALLOWED or top.startswith("_sysconfigdata"):
            return self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(OnlyBase, sys.meta_path)
"""


def base(code, *words):
    return subprocess.run(
        [sys.executable, "-c", BASE + code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command(*words):
    return base("from scopeside.cli import main\nsys.exit(main())", *words)


def test_everything_a_client_imports_is_there():
    done = base(
        """
import importlib, pkgutil
import scopeside.client, scopeside.targets, scopeside.wire
names = ["scopeside.settings", "scopeside.configuration", "scopeside.errors", "scopeside.cli"]
names += ["scopeside.testing.specimen", "scopeside.testing.faults", "scopeside_kernels.reference"]
names += ["scopeside.twin.client", "scopeside.twin.server", "scopeside.commands.twin"]
for package in (scopeside.client, scopeside.targets, scopeside.wire):
    names += [f"{package.__name__}.{one.name}" for one in pkgutil.iter_modules(package.__path__)]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15


def test_the_client_needs_nothing_that_windows_lacks():
    """No module of Unix alone is imported, and no default endpoint is a file."""
    done = base(
        """
ALLOWED -= {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline"}
from scopeside.client import AsyncClient, Client
from scopeside.client.clocked import ClockedPublisher
with Client() as client:
    for endpoint in (client.endpoints.results, client.endpoints.events, client.endpoints.control):
        print(endpoint.partition(":")[0])
for name in ("fcntl", "resource"):
    assert name not in sys.modules, name
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["tcp", "tcp", "tcp"]


def test_a_loop_runs_without_the_engine(tmp_path):
    """The client for loops, waiting and awaited, against a control endpoint of its own thread."""
    done = base(
        f"""
import asyncio, threading
import msgpack, numpy as np, zmq
from scopeside.client import AsyncClient, Client, LabelMap, Result
at = {{name: f"ipc://{tmp_path}/{{name}}" for name in ("results", "events", "control")}}
context = zmq.Context()
router, results = context.socket(zmq.ROUTER), context.socket(zmq.XPUB)
router.bind(at["control"])
results.bind(at["results"])
def answer():
    for _ in range(2):
        *envelope, message = router.recv_multipart()
        asked = msgpack.unpackb(message)
        reply = {{"v": 1, "id": asked["id"], "ok": True, "state": "ready"}}
        router.send_multipart([*envelope, msgpack.packb(reply)])
server = threading.Thread(target=answer)
server.start()
with Client(**at) as client:
    assert results.recv() == b"\\x01"
    results.send(bytes.fromhex({packed(result()).hex()!r}))
    labels = client.next_result(10.0).label_map
    print(client.status()["state"], int(labels.mask(1).sum()), labels.points(1)[0].y_px)
async def loop():
    async with AsyncClient(**at) as client:
        return (await client.status())["state"]
print(asyncio.run(loop()))
server.join()
context.destroy(linger=0)
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ready 48 2.0", "ready"]


def test_a_result_is_published_read_and_controlled_without_the_engine(tmp_path):
    done = base(
        f"""
import numpy as np, zmq
from scopeside.client.publisher import FramePublisher
from scopeside.client.subscriber import ResultSubscriber, EventSubscriber
from scopeside.client.control import ControlClient
folder = {str(tmp_path)!r}
with FramePublisher(f"ipc://{{folder}}/f", socket="push") as publisher:
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    pull.connect(f"ipc://{{folder}}/f")
    publisher.start("s")
    publisher.frame(np.zeros((4, 4), "<u2"))
    print(pull.recv_multipart()[0].decode(), pull.recv_multipart()[0].decode())
    pull.close()
    context.term()
with (
    ResultSubscriber(f"ipc://{{folder}}/r") as results,
    EventSubscriber(f"ipc://{{folder}}/e") as events,
    ControlClient(f"ipc://{{folder}}/c"),
):
    print(results.receive(0.0), events.receive(0.0))
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["scopeside.start scopeside.frame", "None None"]


@pytest.mark.parametrize("name", ["simulate", "replay"])
def test_frames_are_published_without_the_engine(tmp_path, name):
    endpoint, words = f"tcp://127.0.0.1:{free_port()}", ["--shape", "32x48"]
    if name == "replay":
        np.save(tmp_path / "film.npy", np.stack([two_phases((32, 48))] * 3))
        words = [str(tmp_path / "film.npy")]
    program = BASE + "from scopeside.cli import main\nsys.exit(main())"
    words += ["--frames", "3", "--rate", "0", "--to", endpoint, "--socket", "push"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, name, *words], stderr=subprocess.PIPE, text=True
    )
    frames = []
    with receiver(zmq.PULL, endpoint) as pull:
        while pull.poll(SOON_MS):
            topic, header, *payloads = pull.recv_multipart()
            if topic == b"scopeside.end":
                break
            if topic == b"scopeside.frame":
                frames.append((msgpack.unpackb(header), payloads))
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 0, error
    assert [header["frame"] for header, _ in frames] == [0, 1, 2]
    for header, (payload,) in frames:
        assert header["channels"][0]["shape"] == [32, 48]
        assert len(payload) == 32 * 48 * 2


@pytest.mark.parametrize(
    "words",
    [
        ["serve"],
        ["serve", "--set", "embed.backend=null"],
        ["segment", "{folder}/x.npy", "-o", "{folder}/out"],
        ["demo", "--out", "{folder}/out"],
    ],
)
def test_what_needs_the_engine_says_how_to_get_it(tmp_path, words):
    np.save(tmp_path / "x.npy", np.zeros((8, 8), np.uint8))
    done = command(*(word.format(folder=tmp_path) for word in words))
    assert done.returncode == 8, done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("scopeside: ")
    assert "not installed" in sentence
    assert "pip install 'scopeside[cpu]'" in sentence
    assert "Traceback" not in done.stderr


def test_the_bluesky_device_says_how_to_get_what_it_needs():
    done = base(
        """
from scopeside.errors import MissingExtraError
try:
    import scopeside.bluesky
except MissingExtraError as error:
    print(error)
"""
    )
    assert done.returncode == 0, done.stderr
    assert "pip install 'scopeside[bluesky]'" in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["config"], ["simulate", "--help"]])
def test_help_and_settings_need_no_engine(words):
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_doctor_says_what_is_missing():
    done = command("doctor", "--set", "control.endpoint=tcp://127.0.0.1:1")
    assert done.returncode == 1, done.stderr
    assert "torch is not installed" in done.stdout
    assert "pip install 'scopeside[cpu]'" in done.stdout
