"""Frames and results of a run with a known front, as the demo receives them."""

import numpy as np

from contract_messages import community, packed, result
from example_segmentation import FRONT
from scopeside.client.result import Result
from scopeside.messages import Channel
from scopeside.wire.incoming import FrameMessage
from scopeside.wire.results import front_map

SHAPE = (16, 24)


def frame(number, *, series="demo", shape=SHAPE):
    values = np.random.default_rng(number).integers(0, 400, shape).astype("<u2")
    return FrameMessage(
        series=series,
        number=number,
        t_ns=1,
        channels=(Channel(name="image", values=values),),
        dose_e_per_m2=1e24 * number,
    )


def segmented(number, *, front=12, series="demo", user=None):
    labels = np.where(np.arange(SHAPE[1]) < front, 2, 1) * np.ones(SHAPE, dtype="<u2")
    truth = {"truth": {"front_px": np.full(SHAPE[0], front, dtype="<f4").tobytes()}}
    sparse = community(2, fraction=0.5, crystallinity=0.25, spacing_px=None)
    message = result(
        number,
        series=series,
        labels=labels,
        communities=[community(1, fraction=0.5, name="crystal"), sparse],
        fronts=[front_map(FRONT)],
        user=truth if user is None else user,
    )
    return Result.from_bytes(packed(message))
