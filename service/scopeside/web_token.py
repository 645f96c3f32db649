"""The secret that whoever looks or acts from another machine has to show."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from scopeside.errors import ConfigError

LEAST_CHARACTERS = 16


def read_token(path: Path) -> str:
    """Return the first line of the file; ConfigError where it is no secret."""
    try:
        token = path.read_text(encoding="ascii").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"http.token_file: {path} cannot be read ({error}).") from None
    if len(token) < LEAST_CHARACTERS:
        raise ConfigError(
            f"http.token_file: the first line of {path} has {len(token)} characters, and a token"
            f" has {LEAST_CHARACTERS} or more: write one with `openssl rand -hex 24`."
        )
    return token


def cookie_of(token: str) -> str:
    """Return what a browser keeps after the token was shown.

    Made from the token alone, so that a viewer need not show it again when the service restarts,
    and one-way, so that what a browser keeps is not the token.
    """
    return hmac.new(token.encode(), b"scopeside live page", hashlib.sha256).hexdigest()


def same(given: str, expected: str) -> bool:
    """Compare in a time that says nothing of where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())
