"""The publisher over real sockets: what it sends is what a plain receiver gets."""

from collections.abc import Iterator, Sequence

import msgpack
import numpy as np
import pytest
import zmq
import zmq.auth

from scopeside.client.publisher import FramePublisher
from scopeside.errors import ConfigError, EndpointError, ServiceError
from scopeside.settings import LimitSettings
from scopeside.wire.incoming import EndMessage, FrameMessage, StartMessage
from scopeside.wire.native import decode_message

SOON_MS = 10_000
IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)


class Receivers:
    """Opens plain receiving sockets and closes them all when the test is over."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self._sockets: list[zmq.Socket] = []

    def socket(self, kind: int, topics: Sequence[bytes] = (b"",)) -> zmq.Socket:
        socket = self.context.socket(kind)
        self._sockets.append(socket)
        for topic in topics if kind == zmq.SUB else ():
            socket.subscribe(topic)
        return socket

    def connected(self, kind: int, endpoint: str, topics: Sequence[bytes] = (b"",)) -> zmq.Socket:
        socket = self.socket(kind, topics)
        socket.connect(endpoint)
        return socket

    def close(self) -> None:
        for socket in self._sockets:
            socket.close(linger=0)
        self.context.term()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    receivers = Receivers()
    yield receivers
    receivers.close()


def received(socket: zmq.Socket) -> StartMessage | FrameMessage | EndMessage:
    assert socket.poll(SOON_MS), "nothing arrived"
    return decode_message(socket.recv_multipart(), LimitSettings())


@pytest.mark.parametrize("scheme", ["tcp", "ipc", "inproc"])
@pytest.mark.parametrize(("socket", "kind"), [("pub", zmq.SUB), ("push", zmq.PULL)])
def test_a_series_arrives_whole_and_in_order(receivers, tmp_path, scheme, socket, kind):
    endpoint = {
        "tcp": "tcp://127.0.0.1:*",
        "ipc": f"ipc://{tmp_path}/frames",
        "inproc": "inproc://frames",
    }[scheme]
    with FramePublisher(endpoint, socket=socket, context=receivers.context) as publisher:
        socket = receivers.connected(kind, publisher.address)
        assert publisher.wait_for_subscriber(10.0)
        publisher.start("run 1", pixel_size_m=(2e-10, 1e-10), user={"operator": "me"})
        for number in range(3):
            publisher.frame(
                IMAGE + number,
                stage={"x_m": 1e-6},
                pixel_to_stage=((1e-10, 0.0, 0.0), (0.0, 2e-10, 0.0)),
                dose_e_per_m2=10.0 * number,
                user=number,
            )
        publisher.end()
        start = received(socket)
        assert (start.series, start.pixel_size_m, start.user) == (
            "run 1",
            (2e-10, 1e-10),
            {"operator": "me"},
        )
        for number in range(3):
            frame = received(socket)
            assert (frame.series, frame.number, frame.user) == ("run 1", number, number)
            assert np.array_equal(frame.channels[0].values, IMAGE + number)
            assert frame.dose_e_per_m2 == 10.0 * number
            assert frame.stage == {"x_m": 1e-6}
        assert received(socket).frames == 3


def test_a_subscriber_that_joined_loses_nothing(receivers):
    with FramePublisher("tcp://127.0.0.1:*") as publisher:
        socket = receivers.connected(zmq.SUB, publisher.address)
        assert publisher.wait_for_subscriber(10.0)
        publisher.start("s")
        for _ in range(20):
            publisher.frame(IMAGE)
        kinds = [type(received(socket)) for _ in range(21)]
    assert kinds == [StartMessage] + [FrameMessage] * 20


def test_a_subscriber_counts_once_all_kinds_of_message_reach_it(receivers):
    with FramePublisher("tcp://127.0.0.1:*") as publisher:
        partial = receivers.connected(zmq.SUB, publisher.address, topics=[b"scopeside.frame"])
        assert not publisher.wait_for_subscriber(0.3)
        partial.subscribe(b"scopeside.start")
        partial.subscribe(b"scopeside.end")
        assert publisher.wait_for_subscriber(10.0)
        assert not publisher.wait_for_subscriber(0.1, count=2)
        receivers.connected(zmq.SUB, publisher.address, topics=[b"scopeside."])
        assert publisher.wait_for_subscriber(10.0, count=2)
        partial.close()
        while publisher.subscribers > 1:
            assert publisher._socket.poll(SOON_MS, zmq.POLLIN)


def test_nobody_there_is_said_after_the_time_given():
    with FramePublisher("tcp://127.0.0.1:*") as publisher:
        assert not publisher.wait_for_subscriber(0.05)
    with FramePublisher("tcp://127.0.0.1:*", socket="push", linger_s=0.0) as publisher:
        assert not publisher.wait_for_subscriber(0.05)


def test_a_publisher_may_connect_to_a_receiver_that_binds(receivers):
    socket = receivers.socket(zmq.SUB)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    with FramePublisher(f"tcp://127.0.0.1:{port}", attach="connect") as publisher:
        # A SUB that binds tells its subscriptions only while it is being read.
        joined = (socket.poll(10) or publisher.wait_for_subscriber(0.05) for _ in range(200))
        assert any(joined)
        publisher.start("s")
        assert received(socket).series == "s"


@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("dtype", ["|u1", ">u2", "<f4", ">f8"])
def test_values_survive_codec_and_byte_order(receivers, codec, dtype):
    values = np.arange(35, dtype=dtype).reshape(5, 7)
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        socket = receivers.connected(zmq.PULL, "inproc://frames")
        publisher.start("s")
        publisher.frame(values, codec=codec)
        received(socket)
        channel = received(socket).channels[0]
    assert channel.values.dtype == np.dtype(dtype)
    assert np.array_equal(channel.values, values)


def test_several_channels_are_sent_by_name(receivers):
    haadf, bright = np.ones((4, 5), np.float32), np.zeros((4, 5), np.uint8)
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        socket = receivers.connected(zmq.PULL, "inproc://frames")
        publisher.start("s")
        publisher.frame({"haadf": haadf, "bf": bright})
        received(socket)
        frame = received(socket)
    assert [channel.name for channel in frame.channels] == ["haadf", "bf"]
    assert np.array_equal(frame.channels[1].values, bright)


def test_numbers_count_up_from_the_last_one_given(receivers):
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        socket = receivers.connected(zmq.PULL, "inproc://frames")
        publisher.start("s")
        publisher.frame(IMAGE)
        publisher.frame(IMAGE, number=7)
        publisher.frame(IMAGE)
        received(socket)
        assert [received(socket).number for _ in range(3)] == [0, 7, 8]


def test_a_new_series_ends_the_one_before_and_leaving_ends_the_last(receivers):
    socket = receivers.connected(zmq.PULL, "inproc://frames")
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        publisher.start("first")
        publisher.frame(IMAGE)
        publisher.start("second")
    messages = [received(socket) for _ in range(5)]
    assert [type(m).__name__ for m in messages] == [
        "StartMessage",
        "FrameMessage",
        "EndMessage",
        "StartMessage",
        "EndMessage",
    ]
    assert [(m.series, m.frames) for m in messages if isinstance(m, EndMessage)] == [
        ("first", 1),
        ("second", 0),
    ]


def test_a_series_that_broke_off_is_ended_all_the_same(receivers):
    socket = receivers.connected(zmq.PULL, "inproc://frames")

    def break_off() -> None:
        with FramePublisher(
            "inproc://frames", socket="push", context=receivers.context
        ) as publisher:
            publisher.start("s")
            raise RuntimeError("the camera stopped")

    with pytest.raises(RuntimeError, match="camera"):
        break_off()
    received(socket)
    assert isinstance(received(socket), EndMessage)


def test_large_payloads_are_not_copied(receivers):
    large = np.zeros((512, 512), np.uint16)
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        socket = receivers.connected(zmq.PULL, "inproc://frames")
        publisher.start("s")
        publisher.frame(large)
        socket.recv_multipart()
        large[3, 5] = 77  # over inproc the receiver sees the sender's memory
        payload = socket.recv_multipart(copy=False)[2]
        assert np.frombuffer(payload.buffer, "<u2").reshape(512, 512)[3, 5] == 77


@pytest.mark.parametrize("attach", ["bind", "connect"])
def test_a_push_without_a_receiver_gives_up_in_time(tmp_path, attach):
    with FramePublisher(
        f"ipc://{tmp_path}/frames",
        socket="push",
        attach=attach,
        send_timeout_s=0.05,
        linger_s=0.0,
    ) as publisher:
        with pytest.raises(ServiceError, match=r"Nobody took .* ingest\.socket = pull"):
            publisher.start("s")
        assert publisher.series is None


def test_what_the_contract_forbids_is_refused_before_it_is_sent():
    with FramePublisher("inproc://frames", linger_s=0.0) as publisher:
        with pytest.raises(ConfigError, match="start"):
            publisher.frame(IMAGE)
        with pytest.raises(ConfigError, match="series cannot be sent"):
            publisher.start("")
        publisher.start("s")
        for wrong in (IMAGE.astype(complex), IMAGE.ravel(), IMAGE.astype(np.int64)):
            with pytest.raises(ConfigError, match="frame cannot be sent"):
                publisher.frame(wrong)
        with pytest.raises(ConfigError, match="frame cannot be sent"):
            publisher.frame(IMAGE, number=-1)
        assert publisher.frames_sent == 0


@pytest.mark.parametrize(
    ("image", "metadata", "words"),
    [
        ([[1, 2], [3]], {}, "'image' is no array"),
        ([[1, 2], [3, 4]], {}, "'<i8'"),
        ({"haadf": object()}, {}, "'|O'"),
        ({5: IMAGE}, {}, "channels.0.name"),
        (IMAGE, {"user": {1: 2}}, "string"),
        (IMAGE, {"user": {"when": {1, 2}}}, "packed"),
        (IMAGE, {"pixel_size_m": 1e-10}, "pixel_size_m"),
        (IMAGE, {"stage": 5}, "stage"),
        (IMAGE, {"dose_e_per_m2": "much"}, "dose_e_per_m2"),
        (IMAGE, {"number": 2**63}, "frame"),
    ],
)
def test_whatever_is_wrong_with_a_frame_is_one_sentence(image, metadata, words):
    with FramePublisher("inproc://frames", linger_s=0.0) as publisher:
        publisher.start("s")
        with pytest.raises(ConfigError, match=r"frame cannot be sent|no array") as refusal:
            publisher.frame(image, **metadata)
        assert words in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert publisher.frames_sent == 0


def test_values_of_numpy_go_into_headers_as_they_come(receivers):
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        socket = receivers.connected(zmq.PULL, "inproc://frames")
        publisher.start("s", pixel_size_m=np.array([1e-10, 2e-10]), user=np.arange(3))
        publisher.frame(IMAGE, number=np.uint8(255), user=np.float32(0.5))
        publisher.frame(IMAGE, dose_e_per_m2=np.float32(3))
        start, *frames = [received(socket) for _ in range(3)]
    assert (start.pixel_size_m, start.user) == ((1e-10, 2e-10), [0, 1, 2])
    assert [frame.number for frame in frames] == [255, 256]
    assert (frames[0].user, frames[1].dose_e_per_m2) == (0.5, 3.0)


def test_an_end_that_cannot_be_sent_leaves_the_series_open(receivers):
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        socket = receivers.connected(zmq.PULL, "inproc://frames")
        publisher.start("s")
        with pytest.raises(ConfigError, match="end of a series cannot be sent"):
            publisher.end(user={1: 2})
        assert publisher.series == "s"
        publisher.end()
        assert [type(received(socket)) for _ in range(2)] == [StartMessage, EndMessage]


@pytest.mark.parametrize("attach", ["bind", "connect"])
def test_an_endpoint_that_cannot_be_used_is_one_sentence(attach):
    with pytest.raises(EndpointError) as refusal:
        FramePublisher("nonsense", attach=attach)
    assert "nonsense" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_two_publishers_cannot_bind_one_port():
    with (
        FramePublisher("tcp://127.0.0.1:*") as publisher,
        pytest.raises(EndpointError, match="stop the program that holds it") as refusal,
    ):
        FramePublisher(publisher.address)
    assert str(refusal.value).count("tcp://") == 1


def test_closing_twice_is_harmless():
    publisher = FramePublisher("inproc://frames")
    publisher.close()
    publisher.close()


@pytest.mark.skipif(not zmq.has("curve"), reason="libzmq was built without CURVE")
def test_a_publisher_that_binds_can_encrypt(receivers, tmp_path):
    _, server_key = zmq.auth.create_certificates(tmp_path, "publisher")
    server_public, _ = zmq.auth.load_certificate(tmp_path / "publisher.key")
    public, secret = zmq.curve_keypair()
    with FramePublisher("tcp://127.0.0.1:*", server_key=server_key) as publisher:
        plain = receivers.connected(zmq.SUB, publisher.address)
        socket = receivers.socket(zmq.SUB)
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = (
            server_public,
            public,
            secret,
        )
        socket.connect(publisher.address)
        assert publisher.wait_for_subscriber(10.0)
        publisher.start("secret")
        assert received(socket).series == "secret"
        assert not plain.poll(100)


def test_a_public_certificate_cannot_serve(tmp_path):
    public_key, _ = zmq.auth.create_certificates(tmp_path, "publisher")
    with pytest.raises(ConfigError, match="secret"):
        FramePublisher("tcp://127.0.0.1:*", server_key=public_key)
    with pytest.raises(ConfigError, match="certificate"):
        FramePublisher("tcp://127.0.0.1:*", server_key=tmp_path / "missing")


def test_headers_are_plain_msgpack_for_anyone_to_read(receivers):
    socket = receivers.connected(zmq.PULL, "inproc://frames")
    with FramePublisher("inproc://frames", socket="push", context=receivers.context) as publisher:
        publisher.start("s", t_ns=5)
        topic, header = socket.recv_multipart()
    assert topic == b"scopeside.start"
    assert msgpack.unpackb(header) == {"v": 1, "series": "s", "t_ns": 5}
