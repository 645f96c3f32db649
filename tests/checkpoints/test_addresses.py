"""URLs: what is asked for, what may be shown, and what is refused."""

import pytest

from scopeside.checkpoints.addresses import LONGEST_NAME, address
from scopeside.errors import WeightsError


def test_user_and_password_are_taken_out_of_what_is_asked_for_and_shown():
    found = address("https://ann:s%40cret@host.org:8443/a/net.pth?signature=abc#part")

    assert (found.user, found.password) == ("ann", "s@cret")
    assert found.plain == "https://host.org:8443/a/net.pth?signature=abc"
    assert found.shown == "https://host.org:8443/a/net.pth?..."


def test_the_file_name_is_the_last_part_of_the_path_and_safe_everywhere():
    assert address("https://h/a/net%20(1).pth?download=1").file_name == "net__1_.pth"
    assert address("https://h/a/%2e%2e%2fevil.pth").file_name == "evil.pth"
    assert address("https://h/..hidden.pth").file_name == "hidden.pth"
    assert address("https://h/").file_name == ""
    long = address(f"https://h/{'n' * 500}.pth").file_name
    assert len(long) == LONGEST_NAME
    assert long.endswith(".pth")


def test_the_same_file_name_elsewhere_has_another_mark_and_a_password_changes_none():
    assert address("https://a/net.pth").mark != address("https://b/net.pth").mark
    assert address("https://a/net.pth").mark == address("https://u:p@a/net.pth").mark


@pytest.mark.parametrize(
    "url", ["ftp://u:hush@host/net.pth", "file:///etc/net.pth", "s3://bucket/net.pth", "http:///a"]
)
def test_other_schemes_are_refused(url):
    with pytest.raises(WeightsError, match="over http or https only") as refused:
        address(url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://h/a b.pth", "http://h/a\r\nX: y.pth", "http://h/ä.pth", "http://h/\x7f.pth"]
)
def test_characters_that_would_change_the_request_are_refused(url):
    with pytest.raises(WeightsError, match="percent-encoded"):
        address(url)


@pytest.mark.parametrize(
    "url", ["http://[::1/net.pth", "http://u:hush@h:port/net.pth", "http://u:hush/hush@h/net.pth"]
)
def test_a_malformed_url_is_refused_in_a_sentence(url):
    with pytest.raises(WeightsError, match="malformed") as refused:
        address(url)
    assert "hush" not in str(refused.value)
