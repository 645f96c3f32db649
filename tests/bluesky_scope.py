"""A microscope whose frames are results already, and the detector beside it."""

import numpy as np
from ophyd_async.core import StaticFilenameProvider, StaticPathProvider

from contract_messages import community, result
from live import ANSWER_S
from scopeside.bluesky import ScopesideDetector
from scopeside.client import AsyncClient

SHAPE = (6, 8)


def client_of(at):
    return lambda: AsyncClient(
        results=at.results, events=at.events, control=at.control, timeout_s=ANSWER_S
    )


def path_provider(folder):
    return StaticPathProvider(StaticFilenameProvider("run"), folder)


class Microscope:
    """Publishes the result of each frame that it is asked for, more and more amorphous."""

    def __init__(self, service, *, shape=SHAPE):
        self.service = service
        self.shape = shape
        self.frames = 0

    def message(self, frame):
        labels = np.ones(self.shape, "<u2")
        labels[:, : min(frame + 1, self.shape[1])] = 2
        share = float((labels == 2).mean())
        entries = [
            community(1, name="film", fraction=1 - share),
            community(2, name="amorphous", fraction=share),
        ]
        return result(
            frame,
            series="s",
            labels=labels,
            communities=entries,
            pixel_to_stage=[[1e-9, 0, 0], [0, 1e-9, 0]],
        )

    async def acquire(self):
        if self.frames == 0:
            self.service.joined()
            self.service.joined()
        frame, self.frames = self.frames, self.frames + 1
        self.service.publish(self.message(frame))
        return "s", frame


def detector(at, scope, **options):
    return ScopesideDetector(
        client_of(at),
        communities=("film", "amorphous"),
        name="seg",
        **{"acquire": scope.acquire, "result_timeout_s": ANSWER_S} | options,
    )
