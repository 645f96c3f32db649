"""What opens URLs opens nothing but HTTP, and no redirect weakens it."""

from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request

import pytest

from scopeside.checkpoints.addresses import address
from scopeside.checkpoints.http import opener, request
from scopeside.errors import WeightsError


def redirected(start, target):
    (handler,) = [one for one in opener().handlers if isinstance(one, HTTPRedirectHandler)]
    return handler.redirect_request(Request(start), None, 302, "Found", {}, target)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/net.pth", "data:,net"])
def test_files_and_ftp_are_not_opened(url):
    with pytest.raises(URLError, match="unknown url type"):
        opener().open(url)


def test_a_redirect_from_https_to_http_is_refused():
    with pytest.raises(WeightsError, match="h redirects from https to http, which is not followed"):
        redirected("https://h/net.pth", "http://h/net.pth")


@pytest.mark.parametrize("start", ["http", "https"])
def test_a_redirect_to_https_is_followed(start):
    assert redirected(f"{start}://h/net.pth", "https://other/net.pth").type == "https"


def test_a_redirect_takes_no_password_along():
    asked = request(address("https://ann:hush@h/net.pth"), start=0, version=None)
    assert asked.get_header("Authorization").startswith("Basic ")
    (handler,) = [one for one in opener().handlers if isinstance(one, HTTPRedirectHandler)]
    on = handler.redirect_request(asked, None, 302, "Found", {}, "https://other/net.pth")
    assert not on.has_header("Authorization")
    assert on.has_header("User-agent")


def test_a_range_is_asked_for_only_where_the_version_is_known():
    origin = address("https://h/net.pth")
    assert not request(origin, start=7, version=None).has_header("Range")
    assert not request(origin, start=0, version='"v"').has_header("Range")
    asked = request(origin, start=7, version='"v"')
    assert (asked.get_header("Range"), asked.get_header("If-range")) == ("bytes=7-", '"v"')
