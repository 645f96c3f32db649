"""URLs of checkpoints: only http and https, and never shown with what they keep secret."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from scopeside.errors import WeightsError

SCHEMES = ("http", "https")
LONGEST_NAME = 100
"""Characters kept of a file's name: file systems take 255, and marks are put before and behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A URL taken apart: `plain` is what is asked for, `shown` what people may see.

    `plain` has no `user:password@`, and `shown` has no query either, which may hold a signature.
    """

    plain: str
    shown: str
    user: str | None
    password: str | None

    @property
    def file_name(self) -> str:
        """The last part of the path, as a name that is safe on every file system."""
        last = PurePosixPath(unquote(urlsplit(self.plain).path)).name
        return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".")[-LONGEST_NAME:]

    @property
    def mark(self) -> str:
        """A few digits that tell URLs apart whose files have the same name."""
        return hashlib.sha256(self.plain.encode()).hexdigest()[:8]


def is_url(source: str) -> bool:
    return "://" in source


def address(url: str) -> Address:
    """Take `url` apart. Raises WeightsError where it is malformed or neither http nor https."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        # Python's own words may quote a piece of the password.
        raise WeightsError(
            "The URL of the weights is malformed; user and password must be percent-encoded."
        ) from None
    if parts.scheme not in SCHEMES or not host:
        raise WeightsError(
            f"Weights are fetched over http or https only, not from {_shown(parts)};"
            " for a file on this machine give its path."
        )
    # What is not ASCII or holds blanks and line breaks would let one line of a request be two.
    if not url.isascii() or re.search(r"[\x00-\x20\x7f]", url):
        raise WeightsError(
            f"The URL {_shown(parts)!r} holds characters that must be percent-encoded."
        )
    return Address(
        plain=urlunsplit(parts._replace(netloc=_host(parts), fragment="")),
        shown=_shown(parts),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _shown(parts: SplitResult) -> str:
    bare = urlunsplit(parts._replace(netloc=_host(parts), query="", fragment=""))
    return f"{bare}?..." if parts.query else bare
