"""Who gets past the guard: hosts, origins, the token."""

import asyncio

import pytest

from scopeside.web.guard import Guard, cookie_name
from scopeside.web_token import cookie_of

COOKIE = cookie_name(8765)
TOKEN = "correct-horse-battery"


async def answers_200(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(path="/", *, method="GET", kind="http", token=None, hosts=(), **headers):
    """The first message that goes back."""
    sent = []

    async def send(message):
        sent.append(message)

    named = {"host": "127.0.0.1:8765"} | headers
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in named.items()],
    }
    if kind == "websocket":
        del scope["method"]
    asyncio.run(Guard(answers_200, hosts=hosts, token=token, cookie=COOKIE)(scope, None, send))
    return sent[0]


def status(*args, **more):
    return ask(*args, **more)["status"]


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "[::1]:8765", "192.168.1.5"])
def test_this_machines_names_and_plain_addresses_are_known(host):
    assert status(host=host) == 200


@pytest.mark.parametrize("host", ["evil.example:8765", "", "localhost.evil.example", "[bad"])
def test_a_strangers_name_that_points_here_is_refused(host):
    assert status(host=host) == 421


def test_a_name_that_is_set_is_known():
    assert status(host="scope.lab:8765") == 421
    assert status(host="Scope.Lab:8765", hosts=["scope.lab"]) == 200


def test_another_page_may_neither_post_nor_open_a_socket():
    assert status(method="POST", origin="http://evil.example") == 403
    assert status(method="POST", origin="null") == 403
    assert status(method="POST", origin="http://127.0.0.1:8765") == 200
    refused = ask(kind="websocket", origin="http://evil.example")
    assert (refused["type"], refused["code"]) == ("websocket.close", 1008)
    # Another port of this machine is another page too.
    assert ask(kind="websocket", origin="http://127.0.0.1:9000")["type"] == "websocket.close"


def test_a_token_is_asked_for_wherever_something_is_shown_or_done():
    for path in ("/metrics", "/live", "/static", "/anything"):
        assert status(path, token=TOKEN) == 401
        assert status(path, token=TOKEN, authorization="Bearer wrong") == 401
        assert status(path, token=TOKEN, cookie=f"{COOKIE}={TOKEN}") == 401
        assert status(path, token=TOKEN, authorization=f"Bearer {TOKEN}") == 200
        assert status(path, token=TOKEN, cookie=f"a=b; {COOKIE}={cookie_of(TOKEN)}") == 200
    assert ask("/live", kind="websocket", token=TOKEN)["code"] == 1008


def test_health_and_the_pages_own_files_take_no_token():
    for path in ("/", "/healthz", "/readyz", "/static/page.js"):
        assert status(path, token=TOKEN) == 200


def test_what_is_not_ascii_is_refused_and_no_fault():
    assert status("/metrics", token=TOKEN, authorization="Bearer \xe4\xf6") == 401
    assert status("/metrics", token=TOKEN, cookie=f"{COOKIE}=\xe4") == 401


def test_every_answer_forbids_what_is_not_ours():
    for answer in (ask(), ask(host="evil.example")):
        headers = dict(answer["headers"])
        policy = headers[b"content-security-policy"].decode()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers[b"x-content-type-options"] == b"nosniff"
