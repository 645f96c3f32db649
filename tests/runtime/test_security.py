import threading

import pytest
import zmq
from zmq.auth import create_certificates

from scopeside.errors import ConfigError
from scopeside.runtime.security import Security
from scopeside.settings import SecuritySettings


@pytest.fixture
def context():
    context = zmq.Context()
    yield context
    context.term()


@pytest.fixture
def keys(tmp_path):
    """A service's key pair, and the folder of the clients it admits."""
    (tmp_path / "clients").mkdir()
    create_certificates(tmp_path, "service")
    create_certificates(tmp_path / "clients", "client")
    return tmp_path


def settings(keys, **changes):
    given = {"server_key": keys / "service.key_secret", "clients": keys / "clients"}
    return SecuritySettings(curve=True, **(given | changes))


def test_without_curve_sockets_stay_as_they_are(context):
    security = Security(SecuritySettings(), context)
    with context.socket(zmq.PUB) as socket:
        security.apply(socket, binds=True)
        assert socket.mechanism == zmq.NULL
    security.close()


def test_with_curve_every_socket_gets_its_keys(context, keys):
    create_certificates(keys, "publisher")
    security = Security(settings(keys, publisher_key=keys / "publisher.key"), context)
    try:
        with context.socket(zmq.PUB) as bound, context.socket(zmq.SUB) as connecting:
            security.apply(bound, binds=True)
            security.apply(connecting, binds=False)
            assert (bound.mechanism, bound.curve_server) == (zmq.CURVE, 1)
            assert (connecting.mechanism, connecting.curve_server) == (zmq.CURVE, 0)
    finally:
        security.close()


def test_closing_ends_the_thread_that_authenticates(context, keys):
    before = set(threading.enumerate())
    security = Security(settings(keys), context)
    assert set(threading.enumerate()) > before
    security.close()
    security.close()
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"server_key": None}, r"security\.server_key is not set"),
        ({"server_key": "service.key"}, r"service\.key holds no secret key"),
        ({"server_key": "absent.key_secret"}, r"server_key: .*absent.* cannot be read"),
        ({"clients": None}, r"security\.clients is None, which is no folder"),
        ({"clients": "service.key"}, r"security\.clients .* no folder"),
    ],
)
def test_keys_that_are_not_there_are_named_with_their_setting(context, keys, changes, words):
    paths = {key: value and keys / value for key, value in changes.items()}
    before = set(threading.enumerate())
    with pytest.raises(ConfigError, match=words):
        Security(settings(keys, **paths), context)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize(
    "content", ["", "public-key = 'short'\n", f"public-key = '{' ' * 39}|'\n", "\x00\xff"]
)
def test_a_client_certificate_that_is_none_is_refused_at_the_start(context, keys, content):
    (keys / "clients" / "broken.key").write_text(content)
    with pytest.raises(ConfigError, match=r"security\.clients: .*broken\.key cannot be read"):
        Security(settings(keys), context)


def test_a_socket_that_connects_needs_the_publishers_certificate(context, keys):
    security = Security(settings(keys), context)
    try:
        with (
            context.socket(zmq.SUB) as socket,
            pytest.raises(ConfigError, match=r"security\.publisher_key is not set"),
        ):
            security.apply(socket, binds=False)
    finally:
        security.close()
