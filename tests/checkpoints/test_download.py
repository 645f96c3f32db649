"""Downloading: every fault of a server ends in the right bytes or in one sentence."""

from __future__ import annotations

import hashlib
import resource
import socket

import pytest

from faulty_server import BODY, serving
from scopeside.checkpoints.addresses import address
from scopeside.checkpoints.download import Patience, download
from scopeside.checkpoints.part import PartFile
from scopeside.errors import OutputError, WeightsError

HASH = hashlib.sha256(BODY).hexdigest()
HALF = len(BODY) // 2
QUICK = Patience(stall_s=60.0, attempts=3, pause_s=0.0, most_bytes=2 * len(BODY))


@pytest.fixture
def part(tmp_path):
    return tmp_path / "net.pth.part"


def get(url, part, *, patience=QUICK, report=lambda here, total: None):
    with PartFile(part) as file:
        return download(
            address(url), file, path=part.with_name("net.pth"), patience=patience, report=report
        )


def test_a_file_comes_whole_with_its_hash_and_every_step_is_reported(server, part):
    reports = []
    assert get(server.url, part, report=lambda *seen: reports.append(seen)) == HASH
    assert part.read_bytes() == BODY
    assert [here for here, _ in reports] == sorted(here for here, _ in reports)
    assert (reports[0], reports[-1]) == ((0, len(BODY)), (len(BODY), len(BODY)))


def test_a_truncated_file_is_resumed_where_it_broke_off(server, part):
    server.faults.extend(["cut", "cut"])
    assert get(server.url, part) == HASH
    assert server.ranges() == [None, f"bytes={HALF}-", f"bytes={HALF + HALF // 2}-"]
    assert server.asked[1][1]["if-range"] == '"first"'


def test_another_run_resumes_and_hashes_what_the_first_one_left(server, part):
    server.faults.append("cut")
    with pytest.raises(WeightsError, match=f"only {HALF} of {len(BODY)} bytes came"):
        get(server.url, part, patience=Patience(attempts=1))
    assert part.read_bytes() == BODY[:HALF]
    reports = []
    assert get(server.url, part, report=lambda *seen: reports.append(seen)) == HASH
    assert server.ranges()[-1] == f"bytes={HALF}-"
    assert reports[0] == (HALF, len(BODY))


def test_a_date_serves_where_the_server_has_no_etag_and_weak_etags_do_not(server, part):
    server.etag, server.modified = None, "Mon, 02 Jan 2023 03:04:05 GMT"
    server.faults.append("cut")
    assert get(server.url, part) == HASH
    assert server.asked[1][1]["if-range"] == server.modified
    server.etag, server.modified = 'W/"weak"', None
    server.faults.append("cut")
    part.unlink()
    assert get(server.url, part) == HASH
    assert server.ranges()[-2:] == [None, None]


def test_a_server_that_knows_no_ranges_is_asked_from_the_beginning(server, part):
    server.faults.extend(["cut", "no ranges"])
    assert get(server.url, part) == HASH
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("fault", ["", "ignores If-Range"])
def test_a_file_that_changed_meanwhile_is_never_glued_to_the_old_one(server, part, fault):
    server.faults.append("cut")
    with pytest.raises(WeightsError):
        get(server.url, part, patience=Patience(attempts=1))
    server.body, server.etag = BODY[::-1], '"second"'
    server.faults.append(fault)
    assert get(server.url, part) == hashlib.sha256(BODY[::-1]).hexdigest()
    assert part.read_bytes() == BODY[::-1]


def test_a_file_that_shrank_below_what_is_here_is_begun_anew(server, part):
    server.faults.append("cut")
    with pytest.raises(WeightsError):
        get(server.url, part, patience=Patience(attempts=1))
    server.body = b"short"
    assert get(server.url, part) == hashlib.sha256(b"short").hexdigest()


def test_a_part_that_is_whole_already_needs_no_more_bytes(server, part):
    get(server.url, part)
    assert get(server.url, part) == HASH
    assert server.ranges() == [None, f"bytes={len(BODY)}-"]


def test_bytes_of_an_unknown_version_are_not_resumed(server, part):
    part.write_bytes(b"left by somebody")
    assert get(server.url, part) == HASH
    assert server.ranges() == [None]


@pytest.mark.parametrize("note", ["", "two\nlines", '"\u00e4"'])
def test_a_damaged_note_of_the_version_does_not_reach_the_server(server, part, note):
    part.write_bytes(BODY[:100])
    part.with_name("net.pth.part.version").write_text(note, encoding="utf-8")
    assert get(server.url, part) == HASH
    assert server.ranges() == [None]


def test_a_stall_is_cut_off_and_resumed(server, part):
    server.faults.append("stall")
    # Only the first reply stalls; a machine too busy for the later ones has many more tries.
    assert get(server.url, part, patience=Patience(stall_s=0.5, attempts=50, pause_s=0.0)) == HASH
    assert len(server.asked) > 1


def test_a_server_that_always_stalls_is_given_up_with_what_came_and_what_to_do(server, part):
    server.faults.extend(["stall"] * 10)
    with pytest.raises(WeightsError) as gave_up:
        get(server.url, part, patience=Patience(stall_s=0.1, attempts=2, pause_s=0.0))
    sentence = str(gave_up.value)
    assert f"{server.url} broke off 2 times (nothing came for 0.1 s)" in sentence
    assert f"put it at {part.with_name('net.pth')}" in sentence


def test_a_file_that_is_not_there_is_one_sentence_with_url_and_place(server, part):
    server.faults.append("404")
    with pytest.raises(WeightsError) as refused:
        get(server.url, part)
    assert str(refused.value) == (
        f"{server.url} cannot be fetched, the server answered 404 Not Found:"
        f" download it elsewhere and put it at {part.with_name('net.pth')}."
    )
    assert len(server.asked) == 1


def test_a_server_that_is_busy_is_asked_again_but_not_for_ever(server, part):
    server.faults.extend(["503", "429"])
    assert get(server.url, part) == HASH
    server.faults.extend(["503"] * 9)
    part.unlink()
    with pytest.raises(WeightsError, match=r"broke off 3 times \(the server answered 503"):
        get(server.url, part)
    assert len(server.asked) == 3 + 3


def test_redirects_are_followed_and_take_the_range_along_but_no_password(server, part):
    with serving() as other:
        url = server.url.replace("http://", "http://ann:s%40cret@")
        server.faults.extend([f"redirect {other.url}"] * 2)
        other.faults.append("cut")
        assert get(url, part) == HASH
        assert other.ranges() == [None, f"bytes={HALF}-"]
        assert all("authorization" not in headers for _, headers in other.asked)
    assert server.asked[0][1]["authorization"] == "Basic YW5uOnNAY3JldA=="


@pytest.mark.parametrize("target", ["ftp://host/net.pth", "file:///etc/passwd"])
def test_redirects_elsewhere_are_not_followed(server, part, target):
    server.faults.append(f"redirect {target}")
    with pytest.raises(WeightsError, match=r"redirects from http to ftp|answered 302"):
        get(server.url, part)


def test_a_redirect_to_a_malformed_address_shows_no_password(server, part):
    server.faults.append("redirect http://ann:hush@host/net.pth")
    with pytest.raises(WeightsError) as refused:
        get(server.url, part)
    assert "hush" not in str(refused.value)


def test_redirects_in_a_circle_end(server, part):
    server.faults.extend([f"redirect {server.url}"] * 50)
    with pytest.raises(WeightsError, match="302"):
        get(server.url, part)


def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_offline_is_one_sentence_with_the_url_and_where_to_put_the_file(part):
    url = f"http://127.0.0.1:{unused_port()}/net.pth"
    with pytest.raises(WeightsError) as refused:
        get(url.replace("http://", "http://ann:hush@"), part)
    assert str(refused.value) == (
        f"{url} cannot be reached (Connection refused):"
        f" download it elsewhere and put it at {part.with_name('net.pth')}."
    )


def test_a_host_without_an_address_is_the_same_sentence(part, monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(WeightsError, match=r"cannot be reached \(Name or service not known\)"):
        get("http://weights.example/net.pth", part)


def test_the_proxy_of_the_environment_is_asked(server, part, monkeypatch):
    monkeypatch.setenv("http_proxy", server.address)
    assert get("http://weights.example/a/net.pth", part) == HASH
    ((path, headers),) = server.asked
    assert path == "http://weights.example/a/net.pth"
    assert headers["host"] == "weights.example"


def test_hosts_that_no_proxy_names_are_asked_directly(server, part, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert get(server.url, part) == HASH


def test_a_proxy_that_is_gone_is_named_without_its_password(part, monkeypatch):
    port = unused_port()
    monkeypatch.setenv("http_proxy", f"http://ann:hush@127.0.0.1:{port}/")
    with pytest.raises(WeightsError) as refused:
        get("http://weights.example/net.pth", part)
    assert f"cannot be reached by the proxy 127.0.0.1:{port} (Connection refused)" in str(
        refused.value
    )
    assert "hush" not in str(refused.value)


def test_a_file_that_says_it_is_too_large_is_refused_unread(server, part):
    server.faults.append("claims terabytes")
    with pytest.raises(WeightsError, match="is larger than"):
        get(server.url, part)
    assert not part.exists()


def test_a_file_that_does_not_say_and_is_too_large_is_cut_off(server, part):
    server.faults.append("no length")
    with pytest.raises(WeightsError, match="is larger than"):
        get(server.url, part, patience=Patience(most_bytes=HALF))
    assert not part.exists()


def test_a_file_whose_length_nobody_says_comes_whole(server, part):
    server.faults.append("no length")
    assert get(server.url, part) == HASH


def test_a_folder_that_is_gone_is_an_output_error(server, tmp_path):
    with pytest.raises(OutputError, match=r"set service\.cache"):
        get(server.url, tmp_path / "absent" / "net.pth.part")


@pytest.fixture
def little_room():
    """No file of this process may grow beyond half the body, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_output_error_and_not_a_fault_of_the_network(server, part, little_room):
    with pytest.raises(OutputError, match="File too large"):
        get(server.url, part)
    assert len(server.asked) == 1
