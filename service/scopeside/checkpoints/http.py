"""Asking for a file over HTTP: proxies, safe redirects, and what the replies mean."""

from __future__ import annotations

import re
import urllib.request
from base64 import b64encode
from email.message import Message
from http.client import HTTPMessage, HTTPResponse
from typing import IO
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, Request

from scopeside import __version__
from scopeside.checkpoints.addresses import SCHEMES, Address
from scopeside.errors import WeightsError


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only, and never from https down to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme not in SCHEMES or (req.type == "https" and scheme != "https"):
            raise WeightsError(
                f"{req.host} redirects from {req.type} to {scheme}, which is not followed:"
                " give the URL of a server that you trust."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> OpenerDirector:
    """Return what opens URLs: by the proxies that the environment names, and nothing but HTTP.

    urllib's own opener would also read files of this machine and speak FTP.
    """
    opening = OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SafeRedirects(),
    ):
        opening.add_handler(handler)
    return opening


def request(origin: Address, *, start: int, version: str | None) -> Request:
    """Return the request for the file from byte `start` on, of that `version` or from its first."""
    asked = Request(
        origin.plain,
        headers={"User-Agent": f"scopeside/{__version__}", "Accept-Encoding": "identity"},
    )
    if start and version is not None:
        asked.add_header("Range", f"bytes={start}-")
        asked.add_header("If-Range", version)
    if origin.user is not None:
        pair = f"{origin.user}:{origin.password or ''}".encode()
        # Not sent on to where a redirect leads: that server need not know the password.
        asked.add_unredirected_header("Authorization", f"Basic {b64encode(pair).decode()}")
    return asked


DIGITS = "[0-9]{1,18}"
"""A size in a header; what is longer is none, and too long for `int`."""


def version_of(reply: HTTPResponse) -> str | None:
    """Return what tells this version of the file from others, fit for If-Range; None without."""
    etag = reply.headers.get("ETag", "").strip()
    strong = bool(etag) and not etag.startswith("W/")  # weak: equal for files that differ in bytes
    version = str(etag) if strong else reply.headers.get("Last-Modified")
    # It is sent back in a header, which takes nothing else.
    return version if version and version.isascii() and version.isprintable() else None


def span_of(reply: HTTPResponse) -> tuple[int, int | None]:
    """Return the first byte that the reply holds and the size of the whole file, where it says."""
    length = reply.headers.get("Content-Length", "")
    size = int(length) if re.fullmatch(DIGITS, length) else None
    if reply.status != 206:
        return 0, size
    found = re.fullmatch(
        rf"bytes ({DIGITS})-{DIGITS}/({DIGITS}|\*)", reply.headers.get("Content-Range", "").strip()
    )
    if found is None:
        return -1, None
    start = int(found[1])
    if found[2] != "*":
        return start, int(found[2])
    return start, None if size is None else start + size


def size_in(headers: Message) -> int | None:
    """Return the size that a reply 416 gives for the whole file."""
    found = re.fullmatch(rf"bytes \*/({DIGITS})", headers.get("Content-Range", "").strip())
    return int(found[1]) if found else None


def proxy_for(origin: Address) -> str | None:
    """Return host and port of the proxy that leads to `origin`, without any password."""
    parts = urlsplit(origin.plain)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return None
    return proxy.rpartition("@")[2].rpartition("//")[2].rstrip("/")
