"""Where the web process's socket is bound, and what is said when it cannot be."""

import errno
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from live import free_port
from scopeside.configuration import config_hash, load_settings
from scopeside.errors import ConfigError, EndpointError, MissingExtraError
from scopeside.runtime import web
from scopeside.runtime.web import Web

SOON_S = 60.0
TOKEN = "correct-horse-battery"


def made(*sets, report=lambda code, sentence: None):
    security = SimpleNamespace(guest=lambda folder: None)
    configuration = load_settings(sets=[f"http.{one}" for one in sets])
    return Web(configuration, security, report)


def test_a_port_in_use_is_one_sentence_that_names_the_setting():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(
            EndpointError, match=rf"http\.endpoint = http://127.0.0.1:{port} cannot be bound"
        ) as caught:
            made(f"endpoint=http://127.0.0.1:{port}")
    assert "none" in str(caught.value)


def test_a_port_is_held_from_the_start_and_given_back_at_the_end():
    port = free_port()
    one = made(f"endpoint=http://127.0.0.1:{port}")
    with pytest.raises(EndpointError):
        made(f"endpoint=http://127.0.0.1:{port}")
    one.end()
    made(f"endpoint=http://127.0.0.1:{port}").end()


def test_a_machine_without_room_for_another_process_does_not_end_the_service(monkeypatch):
    tries, told, now_s = [], [], [100.0]

    def refused(*_args, **_options):
        tries.append(now_s[0])
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(web.subprocess, "Popen", refused)
    monkeypatch.setattr(web.time, "monotonic", lambda: now_s[0])
    one = made(f"endpoint=http://127.0.0.1:{free_port()}", report=lambda *what: told.append(what))
    try:
        one.begin()
        for second in range(8):
            now_s[0] = 100.0 + second
            one.look()
    finally:
        one.end()
    assert tries == [100.0, 101.0, 104.0]
    assert {code for code, _ in told} == {"web_failed"}
    assert "could not be started (Resource temporarily unavailable)" in told[0][1]


def test_port_0_is_one_that_the_system_chooses_and_tells():
    one = made("endpoint=http://127.0.0.1:0")
    try:
        port = urlsplit(one.endpoint).port
        assert port
        with pytest.raises(EndpointError):
            made(f"endpoint=http://127.0.0.1:{port}")
    finally:
        one.end()
    assert made("endpoint=none").endpoint is None


def answers(one):
    with suppress(OSError), urllib.request.urlopen(f"{one.endpoint}/", timeout=1.0) as page:
        return page.status == 200
    return False


def test_a_process_that_hangs_is_ended_and_started_again_and_said_once(monkeypatch):
    """It is alive to the system and holds the socket, so that every browser waits."""
    told = []
    one = made("endpoint=http://127.0.0.1:0", "stuck_s=2", report=lambda *what: told.append(what))
    until_s = time.monotonic() + SOON_S

    def look_until(done):
        while not done():
            one.look()
            assert time.monotonic() < until_s
            time.sleep(0.05)

    try:
        one.begin()
        look_until(lambda: answers(one))
        monkeypatch.setattr(web, "LEAST_SILENCE_S", 2.0)
        one._process.send_signal(signal.SIGSTOP)
        look_until(lambda: told)
        monkeypatch.setattr(web, "LEAST_SILENCE_S", SOON_S)  # to load takes its time
        look_until(lambda: answers(one))
    finally:
        one.end()
    assert [code for code, _ in told] == ["web_failed"]
    assert "gave no sign of life for 2 s, was ended and is started again" in told[0][1]


def test_a_host_that_can_be_none_is_one_sentence(tmp_path):
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with pytest.raises(EndpointError, match=r"http\.endpoint = http://a\.\.b:8765"):
        made("endpoint=http://a..b:8765", f"token_file={token}")


def test_none_binds_nothing():
    nothing = made("endpoint=none")
    nothing.begin()
    nothing.look()
    nothing.end()


@pytest.mark.parametrize("endpoint", ["http://0.0.0.0:8765", "http://*:8765", "http://scope:8765"])
def test_other_machines_are_let_in_with_a_token_alone(endpoint, tmp_path):
    with pytest.raises(ConfigError, match="token_file"):
        load_settings(sets=[f"http.endpoint={endpoint}"])
    load_settings(sets=[f"http.endpoint={endpoint}", f"http.token_file={tmp_path}/token"])


def test_https_takes_a_certificate_and_http_none(tmp_path):
    pair = [f"http.tls_cert={tmp_path}/c.pem", f"http.tls_key={tmp_path}/k.pem"]
    https = "http.endpoint=https://127.0.0.1:8765"
    load_settings(sets=[https, *pair])
    for wrong in ([https], [https, pair[0]], pair):
        with pytest.raises(ConfigError, match="tls_cert and tls_key"):
            load_settings(sets=wrong)


@pytest.mark.parametrize(
    "endpoint", ["tcp://127.0.0.1:8765", "127.0.0.1:8765", "http://127.0.0.1:70000", "http://a"]
)
def test_what_is_no_http_endpoint_is_refused(endpoint):
    with pytest.raises(ConfigError, match="http://HOST:PORT, https://HOST:PORT or none"):
        load_settings(sets=[f"http.endpoint={endpoint}"])


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("short\n", "16")])
def test_a_token_that_is_no_secret_keeps_the_service_from_starting(tmp_path, content, words):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=words) as caught:
        made(f"endpoint=http://127.0.0.1:{free_port()}", f"token_file={path}")
    assert "http.token_file" in str(caught.value)


def test_a_certificate_that_does_not_fit_its_key_keeps_the_service_from_starting(tmp_path):
    for name in ("one", "other"):
        new_certificate(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
    (tmp_path / "none.pem").write_text("no certificate\n")
    (tmp_path / "locked.key").write_bytes(
        subprocess.run(
            ["openssl", "pkey", "-aes256", "-passout", "pass:word", "-in", tmp_path / "one.key"],
            check=True,
            capture_output=True,
        ).stdout
    )

    def served(cert, key):
        files = [f"tls_cert={tmp_path}/{cert}", f"tls_key={tmp_path}/{key}"]
        made(f"endpoint=https://127.0.0.1:{free_port()}", *files).end()

    served("one.pem", "one.key")
    for cert, key in (("one.pem", "other.key"), ("none.pem", "one.key"), ("one.pem", "locked.key")):
        with pytest.raises(ConfigError, match=r"http\.tls_cert = .* no pair"):
            served(cert, key)


def new_certificate(cert, key):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    subprocess.run(
        [*words.split(), "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )


def test_missing_packages_are_an_error_only_where_somebody_asked(monkeypatch):
    monkeypatch.setattr(web, "PACKAGES", ("starlette", "no_such_package"))
    made().end()
    with pytest.raises(MissingExtraError, match="no_such_package"):
        made(f"endpoint=http://127.0.0.1:{free_port()}")


def test_where_a_page_is_served_is_no_property_of_results():
    with_page = load_settings(sets=["http.endpoint=http://127.0.0.1:9999"]).settings
    assert config_hash(with_page) == config_hash(load_settings().settings)
