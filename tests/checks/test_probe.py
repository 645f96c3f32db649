import threading

import numpy as np
import pytest
import zmq

from scopeside.checks.probe import Heard, probe
from scopeside.messages import Channel
from scopeside.settings import LimitSettings
from scopeside.wire.native import encode_frame, encode_start


def frame(number, *, shape=(6, 8)):
    channel = Channel(name="image", values=np.zeros(shape, dtype="<u2"))
    return encode_frame(series="run-1", number=number, t_ns=1, channels=[channel])


def heard_of(messages):
    heard = Heard(endpoint="tcp://here", seconds=2.0)
    for index, parts in enumerate(messages):
        heard.take([bytes(part) for part in parts], LimitSettings(), now_s=0.5 * index)
    return heard


def test_topics_series_shape_and_rate_are_told():
    heard = heard_of([encode_start(series="run-1", t_ns=1), *(frame(n) for n in range(5))])
    values = [finding.value for finding in heard.findings()]
    assert "scopeside.frame (5 messages)" in values
    assert "run-1 (6 messages)" in values
    assert "6 x 8 <u2 (5 messages)" in values
    assert heard.rate_hz == pytest.approx(2.0)
    assert all(finding.ok is not False for finding in heard.findings())


def test_what_the_service_would_drop_is_told_by_reason():
    short = frame(0)[:2]
    heard = heard_of([[b"other", b"x"], short, frame(1)])
    wrong = {finding.name: finding for finding in heard.findings() if finding.ok is False}
    assert set(wrong) == {"bad_topic", "bad_payload"}
    assert all(finding.fix for finding in wrong.values())
    assert wrong["bad_topic"].value.startswith("1 messages would be dropped: ")


def test_silence_is_not_ok():
    (only,) = Heard(endpoint="tcp://here", seconds=2.0).findings()
    assert only.ok is False
    assert "nothing arrived within 2 s" in only.value


@pytest.mark.parametrize(("kind", "sender"), [("sub", zmq.XPUB), ("pull", zmq.PUSH)])
def test_probing_hears_a_real_socket(tmp_path, kind, sender):
    endpoint = f"ipc://{tmp_path}/frames"
    context = zmq.Context()
    socket = context.socket(sender)
    socket.bind(endpoint)

    def publish():
        if socket.poll(10_000, zmq.POLLIN if sender == zmq.XPUB else zmq.POLLOUT):
            for number in range(3):
                socket.send_multipart(frame(number))

    thread = threading.Thread(target=publish)
    thread.start()
    heard = probe(endpoint, kind=kind, seconds=1.5, limits=LimitSettings())
    thread.join()
    socket.close(linger=0)
    context.term()
    assert heard.frames == 3
    assert heard.received_bytes == 3 * sum(len(part) for part in frame(0))
