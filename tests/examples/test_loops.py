"""The loops of examples/ with label maps that are right, so that only the loops are tested."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from contract_messages import array, community, packed, result
from loop_examples import example
from scopeside.client import Result
from scopeside.twin.client import TwinClient
from scopeside.twin.makeup import Kind
from scopeside.twin.optics import Optics
from scopeside.twin.view import View
from twins import alongside

PIXELS = (48, 48)
READOUT_S = Optics().readout_s
KINDS = {kind.title: int(kind) for kind in Kind}
BRIGHTNESS = {Kind.VACUUM: 390.0, Kind.AMORPHOUS: 320.0, Kind.CRYSTAL: 300.0}
BRIGHTNESS |= {Kind.SECOND_PHASE: 270.0, Kind.PRECIPITATE: 240.0}


@dataclass
class RightService:
    """A client whose results are the twin's truth: a community for each kind, ids from 1."""

    twin: object
    named: dict
    resets: int = 0
    resolution: float | str = "auto"

    def name(self, id_, title):
        self.named[id_] = title

    def reset(self):
        self.resets += 1

    @contextmanager
    def changed(self, values):
        self.resolution = values["graph.resolution"]
        yield
        self.resolution = "auto"

    @contextmanager
    def results(self, *, latest, timeout_s):
        assert not latest
        yield iter(self._newest, None)

    def _newest(self):
        standing = self.twin.state()
        series, frame = standing["series"], standing["frames"] - 1
        truth = self.twin.truth(frame)
        labels = truth.kind_YX.astype("<u2") + 1
        pixel_m = truth.raw["fov_m"] / labels.shape[1]
        view = View(
            shape=labels.shape,
            pixel_m=pixel_m,
            x_m=standing["stage"]["x_m"],
            y_m=standing["stage"]["y_m"],
        )
        entries = [
            community(
                int(id_),
                fraction=float((labels == id_).mean()),
                area_px=int((labels == id_).sum()),
                mean_intensity=BRIGHTNESS[Kind(id_ - 1)],
                contrast=None,
                crystallinity=float(id_ - 1 not in (Kind.VACUUM, Kind.AMORPHOUS)),
            )
            for id_ in np.unique(labels)
        ]
        message = result(
            frame,
            series=series,
            labels=labels,
            confidence=array(np.full(labels.shape, 255, np.uint8)),
            communities=entries,
            pixel_size_m=[pixel_m, pixel_m],
            pixel_to_stage=[list(row) for row in view.pixel_to_stage],
            user={"clock_s": standing["clock_s"] - READOUT_S},
        )
        return Result.from_bytes(packed(message))


@pytest.fixture
def steered(tmp_path):
    """A twin whose client charges a tenth of a second for every command, and its right service."""
    with (
        alongside(tmp_path, optics=Optics(shape=PIXELS), keep=512) as running,
        TwinClient(running.address, latency_s=0.1) as twin,
    ):
        yield twin, RightService(running.client, {})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_front_stays_in_view(steered, seed):
    twin, service = steered
    twin.reset(specimen="film", seed=seed)
    start = twin.acquire()
    ahead_m = twin.truth(start).raw["front_ahead_m"]
    angle = twin.truth(labels=False).raw["front_angle_rad"]
    twin.move(ahead_m * np.cos(angle), ahead_m * np.sin(angle))
    followed = list(example("follow_front").follow(service, twin, frames=40))

    behind = np.array([twin.truth(number).raw["behind_front"] for number, _ in followed])
    moved_m = np.hypot(*(getattr(twin.standing(), axis) for axis in ("x_m", "y_m")))
    assert ((behind > 0.05) & (behind < 0.95)).mean() >= 0.95
    assert moved_m > 10e-9


def test_a_front_that_is_not_there_is_waited_for(steered):
    twin, service = steered
    twin.reset(specimen="film", front_lead_m=1e-6)
    followed = list(example("follow_front").follow(service, twin, frames=3))

    assert [off_m for _, off_m in followed] == [None] * 3
    assert (twin.standing().x_m, twin.standing().y_m) == (0.0, 0.0)


@pytest.mark.parametrize("seed", [2, 3])
def test_a_survey_visits_every_kind_it_sees(steered, seed):
    twin, service = steered
    twin.reset(specimen="mosaic", seed=seed)
    visits = list(example("survey").survey(service, twin, width_m=110e-9))

    there = {title for title, share in twin.truth(width_m=110e-9).fractions.items() if share > 0.01}
    found = {
        title
        for _, number in visits
        for title, share in twin.truth(number).fractions.items()
        if share > 0.5
    }
    assert found >= there
    assert twin.standing().beam == "exposing"
    assert len(visits) == twin.state()["frames"] - 4
    assert (service.resets, service.resolution) == (4, "auto")


@pytest.mark.parametrize("seed", [2, 3])
def test_a_survey_goes_first_to_what_looks_like_nothing_before(steered, seed):
    twin, service = steered
    twin.reset(specimen="mosaic", seed=seed)
    visits = list(example("survey").survey(service, twin, width_m=110e-9))

    looks = [tuple(look) for (_, _, look), _ in visits]
    kinds = len(set(looks))
    assert kinds >= 3
    assert len(set(looks[:kinds])) == kinds


def test_a_survey_visits_no_more_than_it_may(steered):
    twin, service = steered
    loop = example("survey")
    loop.VISITS = 2
    twin.reset(specimen="mosaic", seed=2)

    assert [number for _, number in loop.survey(service, twin, width_m=110e-9)] == [4, 5]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_beam_is_shut_at_one_half(steered, seed):
    twin, service = steered
    loop = example("stop_in_time")
    loop.RUNS_BEHIND = 0.0  # these label maps are right
    twin.reset(specimen="film", seed=seed, front_lead_m=1e-6)
    twin.fov(20.5e-9)
    seen = list(loop.stop(service, twin, target=0.5))
    dark = twin.acquire()

    assert seen[0] == 0.0
    assert twin.standing().beam == "shut"
    assert twin.truth(dark).amorphous == pytest.approx(0.5, abs=0.03)
    assert set(service.named.values()) == {"crystal", "amorphous"}
