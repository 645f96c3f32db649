"""The one error tree.

    ScopesideError
    ├── FatalError                 ends the process with `exit_code` and one clear sentence
    │   ├── ConfigError            a setting is unknown, malformed or contradicts another
    │   │   └── CalibrationError   a frame does not say where or how large its pixels are
    │   ├── EndpointError          a socket cannot be bound or connected
    │   │   └── ServiceAbsentError nobody answers at the service's endpoint
    │   ├── InputFileError         a file cannot be read as frames
    │   ├── OutputError            a file cannot be written
    │   ├── WeightsError           encoder weights are absent, unsafe or do not fit
    │   ├── BackendError           an embedding backend is absent or fails its parity check
    │   │   └── DeviceMemoryError  a GPU's memory does not hold a tile; a smaller one may fit
    │   ├── MissingExtraError      a command needs packages that are not installed
    │   ├── ServiceError           the service (or a peer process) did not do what it must
    │   │   ├── ServiceBusyError   it cannot do so in its present state: ask again later
    │   │   ├── ServicePausedError it takes no frames until somebody resumes it
    │   │   ├── ServiceVersionError  it speaks another version, or does not know a command yet
    │   │   ├── NoResultError      it is ready, but no frame was segmented in time
    │   │   └── RefusedError       it understood a request and refused it, with a code
    │   └── DeviceLostError        the GPU takes no more work from this process: start it anew
    ├── EngineRefusedError         a library does not load a kept engine, which is built anew
    ├── DropError                  one message is dropped and counted under `reason`
    └── RequestError               one control request is refused; the reply carries `code`

Fatal ends the process; what is dropped is counted, what is refused is answered, and the service
lives. Nothing is only logged.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class DropReason(StrEnum):
    """Why a message was dropped: the closed list of the wire contract."""

    OVERLOAD = "overload"
    DEADLINE = "deadline"
    STALE = "stale"
    OUT_OF_ORDER = "out_of_order"
    BAD_TOPIC = "bad_topic"
    BAD_HEADER = "bad_header"
    BAD_VERSION = "bad_version"
    BAD_SHAPE = "bad_shape"
    BAD_DTYPE = "bad_dtype"
    BAD_CODEC = "bad_codec"
    BAD_PAYLOAD = "bad_payload"
    TOO_LARGE = "too_large"
    COMPUTE = "compute"


class ScopesideError(Exception):
    """Root of everything this package raises on purpose; `str()` is one clear sentence."""


class FatalError(ScopesideError):
    """Ends the process; the message says what, where and what to do."""

    exit_code: ClassVar[int] = 1


class ConfigError(FatalError):
    exit_code = 2


class CalibrationError(ConfigError):
    """Pixels cannot be turned into metres: the frame's sender said too little."""


class EndpointError(FatalError):
    exit_code = 3


class ServiceAbsentError(EndpointError):
    """A client may try again: a service that comes later is found."""


class InputFileError(FatalError):
    exit_code = 4


class OutputError(FatalError):
    exit_code = 5


class WeightsError(FatalError):
    exit_code = 6


class BackendError(FatalError):
    exit_code = 7


class DeviceMemoryError(BackendError):
    """Caught while warming up, where a smaller tile is tried; fatal when none is left."""


class MissingExtraError(FatalError):
    exit_code = 8


class ServiceError(FatalError):
    exit_code = 9


class ServiceBusyError(ServiceError):
    """The same request may succeed once the service's state is another."""


class ServicePausedError(ServiceError):
    """Nothing comes until the command `resume`."""


class ServiceVersionError(ServiceError):
    """Client and service are of different versions; the older of them has to be replaced."""


class NoResultError(ServiceError):
    """The service waits for frames: the microscope is silent, or sends elsewhere."""


class RefusedError(ServiceError):
    """One control request was refused under `code`, of the wire contract's list."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DeviceLostError(FatalError):
    """Nothing in this process can use the GPU again. A supervisor that restarts it mends that."""

    exit_code = 10


class EngineRefusedError(ScopesideError):
    """Never leaves the embedding stage: caught, logged in one line, and answered by building."""


class DropError(ScopesideError):
    """One message cannot be used: it is dropped, counted under `reason`, and the service lives.

    `series` and `frame` say whose message it was, where the broken message still told.
    """

    def __init__(
        self,
        reason: DropReason,
        message: str,
        *,
        series: str | None = None,
        frame: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.series = series
        self.frame = frame


class RequestError(ScopesideError):
    """One control request is refused: its sender is answered with `code` and the sentence."""

    def __init__(self, code: str, message: str, *, request_id: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id
