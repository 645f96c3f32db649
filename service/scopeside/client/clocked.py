"""A publisher of frames that carries in each how the service's clock differs from its own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from scopeside.client.clock_keeper import REFRESH_S, ClockKeeper
from scopeside.client.connection import ClientKeys
from scopeside.client.publisher import FramePublisher


class ClockedPublisher(FramePublisher):
    """A FramePublisher whose frames say `clock`, so that `end_to_end_s` is known across machines.

    The offset is estimated over the `control` endpoint by a thread, now and every
    `clock_every_s`; sending never waits for it. Frames before the first estimate go without;
    `clock.wait(timeout_s)` waits for it. The rest is as with FramePublisher.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        control: str,
        clock_every_s: float = REFRESH_S,
        socket: Literal["pub", "push"] = "pub",
        attach: Literal["bind", "connect"] = "bind",
        hwm_messages: int = 64,
        linger_s: float = 2.0,
        send_timeout_s: float | None = None,
        keys: ClientKeys | None = None,
        server_key: Path | None = None,
    ) -> None:
        self.clock = ClockKeeper(control, every_s=clock_every_s, keys=keys)
        try:
            super().__init__(
                endpoint,
                socket=socket,
                attach=attach,
                hwm_messages=hwm_messages,
                linger_s=linger_s,
                send_timeout_s=send_timeout_s,
                # A publisher that binds serves CURVE with a key of its own.
                keys=keys if attach == "connect" else None,
                server_key=server_key,
                offset=self.clock.offset,
            )
        except Exception:
            self.clock.close()
            raise

    def close(self) -> None:
        self.clock.close()
        super().close()
