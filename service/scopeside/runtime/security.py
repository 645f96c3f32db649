"""CURVE for every socket, with a ZAP allow-list of client keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import zmq
from zmq.auth import create_certificates, load_certificate, load_certificates
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
        self._admitted = _Admitted(load_certificates(settings.clients))
        self._authenticator.configure_curve_callback("*", self._admitted)

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

    def guest(self, folder: Path) -> tuple[Path, Path] | None:
        """Make keys for a process of the service's own and admit it; None when CURVE is off.

        Returns the files, in `folder`, of the service's public certificate and of the guest's
        secret one. They are as short-lived as the service.
        """
        if not self._curve:
            return None
        server = folder / "service.key"
        server.write_text(f'curve\n    public-key = "{self._public.decode()}"\n')
        public, secret = create_certificates(folder, "guest")
        self._admitted.add(_certificate(Path(public), "the guest's certificate")[0])
        return server, Path(secret)

    def close(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None


class _Admitted:
    """The public keys (Z85) of the clients that may connect, as the authenticator asks for them."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = set(keys)

    def add(self, key: bytes) -> None:
        self._keys = self._keys | {key}

    def callback(self, domain: str, key: bytes) -> bool:  # noqa: ARG002 (ours is every domain)
        return key in self._keys


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
