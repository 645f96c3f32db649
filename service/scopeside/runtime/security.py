"""CURVE for every socket, with a ZAP allow-list of client keys."""

from __future__ import annotations

from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from scopeside.errors import ConfigError
from scopeside.settings import SecuritySettings

KEY_BYTES = 32
"""Length of a Curve25519 key; a certificate holds it as 40 characters of Z85."""


class Security:
    """Applies the security settings to sockets; does nothing at all when CURVE is off.

    Sockets that bind act as CURVE servers and admit only clients whose public keys lie in
    `security.clients`. A socket that connects acts as a client with the service's own key and
    needs the publisher's public key (`security.publisher_key`).
    """

    def __init__(self, settings: SecuritySettings, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._curve = settings.curve
        self._authenticator: ThreadAuthenticator | None = None
        if not settings.curve:
            return
        self._public, self._secret = _key_pair(settings.server_key, "security.server_key")
        self._publisher = settings.publisher_key
        if settings.clients is None or not settings.clients.is_dir():
            raise ConfigError(
                f"security.clients is {settings.clients}, which is no folder: name the folder that "
                "holds the clients' public certificates (*.key)."
            )
        # The authenticator would log an unusable certificate and then admit nobody at all.
        for path in sorted(settings.clients.glob("*.key")):
            _certificate(path, "security.clients")
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve(domain="*", location=str(settings.clients))

    def apply(self, socket: zmq.Socket[bytes], *, binds: bool) -> None:
        """Set the keys on a socket that is not yet bound or connected."""
        if not self._curve:
            return
        socket.curve_secretkey = self._secret
        socket.curve_publickey = self._public
        if binds:
            socket.curve_server = True
            return
        if self._publisher is None:
            raise ConfigError(
                "security.publisher_key is not set, but the service connects to the publisher: "
                "name the file with the publisher's public certificate, or let the service bind."
            )
        socket.curve_serverkey, _ = _certificate(self._publisher, "security.publisher_key")

    def close(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None


def _key_pair(path: Path | None, key: str) -> tuple[bytes, bytes]:
    if path is None:
        raise ConfigError(f"{key} is not set, but security.curve is on: name the secret key file.")
    public, secret = _certificate(path, key)
    if secret is None:
        raise ConfigError(f"{key}: {path} holds no secret key; name the .key_secret file.")
    return public, secret


def _certificate(path: Path, key: str) -> tuple[bytes, bytes | None]:
    try:
        public, secret = load_certificate(path)
        for one in (public, secret):
            if one is not None and len(z85.decode(one)) != KEY_BYTES:
                raise ValueError("a key is not 40 characters long")
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{key}: {path} cannot be read as a CURVE certificate ({error})."
        ) from None
    return public, secret
