"""The real processes over real sockets: `serve` fed by `simulate`, `replay` and plain senders."""

import json
import signal
import time
from collections import Counter

import msgpack
import numpy as np
import psutil
import pytest
import zmq

from live import (
    ANSWER_S,
    SMALL,
    balances,
    finished,
    ipc_endpoints,
    listening,
    real,
    serve_words,
    serving,
    started,
    status_of,
    tcp_endpoints,
    two_phases,
    wait_for_text,
    wait_until,
)
from scopeside.client.publisher import FramePublisher

pytestmark = pytest.mark.e2e

LOSSLESS = [*SMALL, "ingest.socket=pull"]


@pytest.fixture
def make_endpoints(tmp_path):
    return {"tcp": tcp_endpoints, "ipc": lambda: ipc_endpoints(tmp_path)}


@pytest.fixture(params=["tcp", "ipc"])
def endpoints(request, make_endpoints):
    return make_endpoints[request.param]()


@pytest.fixture
def tcp():
    return tcp_endpoints()


@pytest.fixture
def ipc(tmp_path):
    return ipc_endpoints(tmp_path)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "serve.log"


def simulate_words(endpoints, *words, series, frames, socket="push"):
    given = ["--to", endpoints.frames, "--socket", socket, "--series", series]
    return ["simulate", *given, "--frames", str(frames), "--shape", "64x48", *words, "--quiet"]


def test_a_sender_whose_every_frame_is_dropped_is_told_of_by_watch_and_in_the_log(
    ipc, log, tmp_path
):
    header = {"v": 1, "series": "mine", "t_ns": 1}
    header["channels"] = [{"name": "i", "shape": [8, 8], "dtype": "uint16", "codec": "none"}]
    watched = tmp_path / "watch.log"
    at = ("--results", ipc.results, "--events", ipc.events)
    with (
        serving(ipc, sets=LOSSLESS, log=log),
        started("watch", "--plain", *at, log=watched),
        FramePublisher(ipc.frames, socket="push") as sender,
    ):
        for number in range(5):
            packed = msgpack.packb(header | {"frame": number})
            sender.send([b"scopeside.frame", packed, bytes(128)])
        wait_for_text(watched, "no new result | since the service began: dropped 5 bad_dtype")
        assert "| service ready" in watched.read_text()
        wait_for_text(log, 'event="dropped as bad_dtype"')
    (line,) = [text for text in log.read_text().splitlines() if "dropped as" in text]
    assert " so_far=1 " in line
    assert "channels.0.dtype" in line
    assert " series=mine frame=0" in line


def test_a_faulty_run_comes_back_in_order_and_every_fault_is_in_the_books(endpoints, log, tmp_path):
    report, frames = tmp_path / "report.json", 120
    faults = "gap=0.1,duplicate=0.1,reorder=0.1,burst=0.03,truncate=0.1,garbage=0.2"
    faults += ",late-series=0.2,big-endian=0.3,lz4=0.2,zstd=0.2"
    words = ("--rate", "0", "--faults", faults, "--report", str(report))
    with serving(endpoints, sets=LOSSLESS, log=log), listening(endpoints) as heard:
        heard.join("push")
        before = status_of(endpoints)["totals"]
        run = finished(*simulate_words(endpoints, *words, series="run", frames=frames))
        assert run.returncode == 0, run.stderr
        results, ended = heard.to_the_end("run")
        totals = status_of(endpoints)["totals"]
    injected = json.loads(report.read_text())["faults"]
    assert set(injected) == {part.split("=")[0] for part in faults.split(",")}
    lost = injected["truncate"] + injected["reorder"] + injected["gap"]
    assert ended["why"] == "end"
    assert ended["accounting"] == {
        "received": frames - injected["gap"] + injected["duplicate"],
        "segmented": frames - lost,
        "missing": injected["gap"],
        "duplicate": injected["duplicate"],
        "in_flight": 0,
        "dropped": {"bad_payload": injected["truncate"], "out_of_order": injected["reorder"]},
    }
    numbers = [result.frame for result in results]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == frames - lost
    assert all(result.accounting.balances for result in results)
    assert all(result.labels_YX.shape == (64, 48) for result in results)
    assert all(result.labels_YX.min() >= 1 for result in results)
    dropped = Counter(totals["dropped"]) - Counter(before["dropped"])
    assert dropped["stale"] == injected["late-series"]
    garbage = dropped["bad_topic"] + dropped["bad_header"] + dropped["bad_version"]
    assert garbage == injected["garbage"]
    assert totals["in_flight"] == 0
    assert balances(totals)


def test_a_recording_is_replayed_and_every_frame_comes_back(ipc, log, tmp_path):
    stack = np.stack([two_phases(split=20 + n, seed=n) for n in range(8)])
    np.save(tmp_path / "film.npy", stack)
    with serving(ipc, sets=LOSSLESS, log=log), listening(ipc) as heard:
        heard.join("push")
        words = ["--to", ipc.frames, "--socket", "push", "--series", "film", "--rate", "0"]
        run = finished("replay", str(tmp_path / "film.npy"), *words, "--loop", "2")
        assert run.returncode == 0, run.stderr
        results, ended = heard.to_the_end("film")
    assert [result.frame for result in results] == list(range(16))
    assert (ended["accounting"]["received"], ended["accounting"]["missing"]) == (16, 0)


def test_a_real_recording_is_replayed_and_every_frame_comes_back(ipc, log):
    path = real("streams/swnt_growth_etem/stack.tif")
    with serving(ipc, sets=LOSSLESS, log=log), listening(ipc) as heard:
        heard.join("push")
        words = ["--to", ipc.frames, "--socket", "push", "--series", "growth", "--rate", "0"]
        run = finished("replay", str(path), *words, "--frames", "4")
        assert run.returncode == 0, run.stderr
        results, ended = heard.to_the_end("growth")
    assert [result.frame for result in results] == [0, 1, 2, 3]
    assert [result.raw["replanned"] for result in results] == [True, False, False, False]
    assert all(result.labels_YX.shape == (480, 480) for result in results)
    assert all(result.labels_YX.min() >= 1 for result in results)
    assert ended["accounting"]["missing"] == 0


def test_a_burst_under_latest_drops_what_waits_and_counts_it(tcp, log):
    burst = [two_phases((256, 256), seed=n) for n in range(4)]
    with serving(tcp, sets=SMALL, log=log), listening(tcp) as heard:
        heard.join("pub")
        # No more in one go than the high-water marks hold: what ZeroMQ drops nobody can count.
        with FramePublisher(tcp.frames) as publisher:
            assert publisher.wait_for_subscriber(ANSWER_S)
            publisher.start("burst")
            for number in range(60):
                publisher.frame(burst[number % 4])
        results, ended = heard.to_the_end("burst")
    books = ended["accounting"]
    assert (books["received"], books["missing"]) == (60, 0)
    assert books["dropped"].keys() == {"overload"}
    assert books["segmented"] + books["dropped"]["overload"] == 60
    assert results[-1].frame == 59
    assert all(result.accounting.balances for result in results)


@pytest.mark.parametrize(("kind", "number"), [("tcp", signal.SIGINT), ("ipc", signal.SIGTERM)])
def test_a_signal_drains_and_ends_with_success(make_endpoints, log, kind, number):
    endpoints = make_endpoints[kind]()
    with serving(endpoints, sets=LOSSLESS, log=log) as process, listening(endpoints) as heard:
        heard.join("push")
        with FramePublisher(endpoints.frames, socket="push", linger_s=0.0) as publisher:
            publisher.start("run")
            for _ in range(30):
                publisher.frame(two_phases())
            heard.result("run")
            process.send_signal(number)
            ended = heard.wait_for_event("series", event="ended", series="run")
            assert process.wait(ANSWER_S) == 0
    books = ended["accounting"]
    assert ended["why"] == "stopped"
    assert books["received"] == books["segmented"] > 0
    assert (books["in_flight"], books["dropped"]) == (0, {})
    assert "event=stopped" in log.read_text().splitlines()[-1]


def test_a_second_signal_ends_the_process_at_once(tcp, log):
    # A graph of a quarter of a million chips takes far longer than this test.
    sets = [*LOSSLESS, "chips.size_px=4", "chips.stride_px=1", "service.drain_s=600"]
    small = ["service.frame_shape=[8,8]"]
    with serving(tcp, sets=[*sets, *small], log=log) as process, listening(tcp) as heard:
        with FramePublisher(tcp.frames, socket="push") as publisher:
            publisher.start("slow")
            publisher.frame(two_phases((512, 512)))
        heard.wait_for_event("series", event="started", series="slow")
        process.send_signal(signal.SIGTERM)
        heard.wait_for_event("heartbeat", state="draining")
        process.send_signal(signal.SIGINT)
        assert process.wait(ANSWER_S) == -signal.SIGINT
    assert "event=stopped" not in log.read_text()


def test_ctrl_c_while_the_encoder_loads_is_a_clean_exit(tmp_path, log):
    endpoints = ipc_endpoints(tmp_path)
    with started(*serve_words(endpoints), log=log) as process:
        wait_until(process, endpoints, log, "warming")
        process.send_signal(signal.SIGINT)
        assert process.wait(ANSWER_S) == 0
    *_, warming, stopped = log.read_text().splitlines()
    assert "event=warming" in warming
    assert "event=stopped" in stopped


@pytest.mark.parametrize(("kind", "socket"), [("tcp", "pub"), ("ipc", "push")])
def test_a_killed_service_comes_back_and_everybody_goes_on(
    make_endpoints, log, tmp_path, kind, socket
):
    endpoints = make_endpoints[kind]()
    sets = [*SMALL, f"ingest.socket={'sub' if socket == 'pub' else 'pull'}"]
    number, image = 0, two_phases()
    with listening(endpoints) as heard, FramePublisher(endpoints.frames, socket=socket) as sender:

        def send_until_a_result_comes():
            nonlocal number
            until_s = time.monotonic() + 60
            while (result := heard.results.receive(0.05)) is None:
                assert time.monotonic() < until_s
                if sender.ready(0.05):
                    sender.frame(image, number=number)
                    number += 1
            return result

        with serving(endpoints, sets=sets, log=log) as process:
            assert sender.wait_for_subscriber(ANSWER_S)
            sender.start("run")
            first = send_until_a_result_comes()
            process.kill()
            process.wait()
        while heard.results.receive(0.2) is not None:
            pass
        for _ in range(10):
            if sender.ready(0.05):
                sender.frame(image, number=number)
                number += 1
        killed_at = number
        with serving(endpoints, sets=sets, log=tmp_path / "again.log") as process:
            while (again := send_until_a_result_comes()).frame < killed_at:
                pass
            books = status_of(endpoints)["series"]["accounting"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(ANSWER_S) == 0
    assert first.series == again.series == "run"
    assert again.accounting.balances
    assert balances(books)
    assert books["duplicate"] == 0


def test_two_senders_at_once_are_both_accounted_for(tcp, log, tmp_path):
    sets, frames = [*LOSSLESS, "ingest.attach=bind"], 40
    with serving(tcp, sets=sets, log=log), listening(tcp) as heard:
        heard.join("push", attach="connect")
        before = status_of(tcp)["totals"]["received"]
        words = [
            simulate_words(tcp, "--attach", "connect", "--rate", "200", series=name, frames=frames)
            for name in ("one", "two")
        ]
        with (
            started(*words[0], log=tmp_path / "one.log") as one,
            started(*words[1], log=tmp_path / "two.log") as two,
        ):
            assert (one.wait(60), two.wait(60)) == (0, 0)
        ends = [heard.wait_for_event("series", event="ended") for _ in range(2)]
        until_s = time.monotonic() + ANSWER_S
        while (totals := status_of(tcp)["totals"])["received"] < before + 2 * frames:
            assert time.monotonic() < until_s
            time.sleep(0.02)
    assert {end["series"] for end in ends} == {"one", "two"}
    assert ends[-1]["why"] == "end"
    assert ends[-1]["accounting"]["segmented"] == frames
    assert totals["received"] == before + 2 * frames
    assert set(totals["dropped"]) <= {"stale"}
    assert balances(totals)


@pytest.mark.parametrize("first", ["service", "sender"])
def test_it_does_not_matter_who_is_started_first(tmp_path, log, first):
    endpoints = ipc_endpoints(tmp_path)
    sets = [*SMALL, "ingest.policy=lossless"]
    words = simulate_words(endpoints, "--rate", "0", series="run", frames=20, socket="pub")
    serve = started(*serve_words(endpoints, sets), log=log)
    simulate = started(*words, log=tmp_path / "simulate.log")
    with listening(endpoints) as heard, serve if first == "service" else simulate as earlier:
        if first == "service":
            wait_until(earlier, endpoints, log, "ready")
        else:
            until_s = time.monotonic() + ANSWER_S
            while not (tmp_path / "f").exists():
                assert time.monotonic() < until_s
                time.sleep(0.02)
        with simulate if first == "service" else serve:
            ended = heard.wait_for_event("series", event="ended", series="run")
    assert ended["accounting"]["segmented"] == 20
    assert ended["accounting"]["missing"] == 0


def test_a_subscriber_that_never_reads_slows_nobody(tcp, log):
    context = zmq.Context()
    with context.socket(zmq.SUB) as idle, listening(tcp) as heard:
        idle.linger, idle.rcvhwm = 0, 1
        idle.subscribe(b"")
        idle.connect(tcp.results)
        with serving(tcp, sets=[*LOSSLESS, "publish.hwm_messages=20"], log=log):
            heard.join("push", shape=(256, 256))
            with FramePublisher(tcp.frames, socket="push") as publisher:
                publisher.start("run")
                for number in range(120):
                    publisher.frame(two_phases((256, 256), seed=number % 3))
                    heard.result("run")
            ended = heard.wait_for_event("series", event="ended", series="run")
        assert ended["accounting"]["segmented"] == 120
        assert idle.poll(0), "it was connected and could have read"
    context.term()


def test_the_real_encoder_segments_what_is_simulated(tmp_path, log):
    endpoints = ipc_endpoints(tmp_path)
    sets = ["ingest.socket=pull", "service.frame_shape=[128,128]"]
    words = ["--shape", "128x128", "--rate", "0", "--frames", "4", "--quiet", "--socket", "push"]
    with serving(endpoints, sets=sets, log=log), listening(endpoints) as heard:
        heard.join("push", shape=(128, 128))
        run = finished("simulate", *words, "--to", endpoints.frames, "--series", "film")
        assert run.returncode == 0, run.stderr
        results, ended = heard.to_the_end("film")
        status = status_of(endpoints)
    assert [result.frame for result in results] == [0, 1, 2, 3]
    assert ended["accounting"]["segmented"] == 4
    assert status["replans"] == 1
    for result in results:
        assert not result.raw["replanned"]
        assert result.labels_YX.shape == (128, 128)
        assert result.labels_YX.min() >= 1
        assert result.provenance["embedder"].startswith("chips/")
        assert len(result.provenance["weights"]["sha256"]) == 64
        assert result.timing.stages_s["embed"] > 0


def test_five_services_one_after_another_end_clean(tmp_path):
    endpoints = ipc_endpoints(tmp_path)
    # Python tells of every socket and file that was not closed, when it is asked to.
    for number in range(5):
        log = tmp_path / f"{number}.log"
        with serving(
            endpoints, sets=LOSSLESS, log=log, python=["-W", "always::ResourceWarning"]
        ) as process:
            with FramePublisher(endpoints.frames, socket="push") as publisher:
                publisher.start("s")
                publisher.frame(two_phases())
            while status_of(endpoints)["totals"]["segmented"] < 1:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert process.wait(ANSWER_S) == 0
        events = [line.split("event=")[-1].split()[0] for line in log.read_text().splitlines()]
        assert events == ["warming", "ready", "stopped"], log.read_text()
    # The publisher of frames bound "f", and ZeroMQ leaves such files behind.
    assert {path.name for path in tmp_path.iterdir() if path.suffix != ".log"} == {"f"}


def test_three_thousand_frames_leave_memory_as_it_was(ipc, log):
    image = two_phases((64, 64))
    sets = ["embed.backend=null", "chips.size_px=32", "service.frame_shape=[64,64]"]
    quick = ["chips.stride_px=32", "graph.resolution=0.5", "ingest.socket=pull"]
    with serving(ipc, sets=[*sets, *quick], log=log) as process:
        service = psutil.Process(process.pid)
        with FramePublisher(ipc.frames, socket="push") as publisher:

            def send(count):
                publisher.start(f"series-{count}")
                for _ in range(count):
                    publisher.frame(image)
                publisher.end()
                until_s = time.monotonic() + 90
                while (status := status_of(ipc))["series"] or status["totals"]["in_flight"]:
                    assert time.monotonic() < until_s
                    time.sleep(0.1)
                return service.memory_info().rss, service.num_threads(), service.num_fds()

            rss_before, threads_before, files_before = send(500)
            rss_after, threads_after, files_after = send(2500)
        totals = status_of(ipc)["totals"]
    assert totals["segmented"] == 3000
    # 2,500 frames of 8 kB are 20 MB, their results 30 MB: a quarter of either would show.
    assert rss_after - rss_before < 5 * 2**20
    assert threads_after == threads_before
    assert files_after <= files_before + 2


@pytest.mark.parametrize(
    ("sets", "code", "words"),
    [
        (["publish.results={held}"], 3, "publish.results = {held} cannot be bound"),
        (["ingest.attach=bind", "ingest.endpoint={held}"], 3, "ingest.endpoint = {held} cannot be"),
        (["ingest.polciy=latest"], 2, "ingest.policy"),
        (["embed.backend=torch", "embed.weights={folder}/broken.pth"], 6, "broken.pth"),
        (
            ["embed.backend=torch", "embed.weights=micronet", "service.cache={folder}"],
            6,
            "run `scopeside weights fetch micronet`, or put https://",
        ),
    ],
)
def test_what_keeps_the_service_from_starting_is_one_sentence_and_an_exit_code(
    tcp, tmp_path, sets, code, words
):
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    context = zmq.Context()
    with context.socket(zmq.PUSH) as holder:
        holder.linger = 0
        holder.bind("tcp://127.0.0.1:*")
        known = {"held": holder.last_endpoint.rstrip(b"\0").decode(), "folder": tmp_path}
        given = [*tcp.sets(), *SMALL, "log.level=error", *(one.format(**known) for one in sets)]
        done = finished("serve", *(f"--set={one}" for one in given))
    context.term()
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("scopeside: ")
    assert words.format(**known) in sentence
