"""The loops of examples/ between the real processes: service with its encoder, twin, clients."""

import pytest

from doc_snippets import ROOT
from live import free_ports, serving, started, tcp_endpoints
from loop_examples import example
from scopeside.client import Client
from scopeside.twin.client import TwinClient

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def steered(tmp_path_factory):
    """A client of the service and one of the twin; no latency is charged."""
    folder = tmp_path_factory.mktemp("loops")
    at = tcp_endpoints()
    (port,) = free_ports(1)
    control = f"tcp://127.0.0.1:{port}"
    sets = ["preprocess.contrast=series", "chips.size_px=32", "embed.mode=shared"]
    sets += ["ingest.socket=pull", "service.frame_shape=[128,128]", "http.endpoint=none"]
    words = ["--socket=push", f"--to={at.frames}", f"--control={control}", "--shape=128x128"]
    with (
        serving(at, sets=sets, log=folder / "serve.log"),
        started("twin", *words, log=folder / "twin.log"),
        Client(results=at.results, events=at.events, control=at.control) as client,
        TwinClient(control, latency_s=0.0) as twin,
    ):
        yield client, twin


def test_the_front_is_followed_by_what_the_service_sees(steered):
    client, twin = steered
    twin.reset(specimen="film", seed=1, series="follow")
    twin.fov(13.7e-9)
    followed = list(example("follow_front").follow(client, twin, frames=5))

    assert [number for number, _ in followed] == [0, 1, 2, 3, 4]
    assert all(0.05 < twin.truth(number).raw["behind_front"] < 0.95 for number, _ in followed)


def test_a_survey_goes_where_the_service_found_something(steered):
    client, twin = steered
    survey = example("survey")
    twin.reset(specimen="mosaic", seed=3, series="survey")
    visits = list(survey.survey(client, twin, width_m=2 * survey.OVERVIEW_M))

    assert [number for _, number in visits] == list(range(4, 4 + len(visits)))
    assert 2 <= len(visits) <= survey.VISITS
    assert len({tuple(look) for (_, _, look), _ in visits}) >= 2
    assert client.config()["graph"]["resolution"] == "auto"
    assert twin.standing().fov_m == survey.DETAIL_M


def test_the_beam_is_shut_at_what_the_service_saw(steered):
    client, twin = steered
    twin.reset(specimen="film", seed=1, series="stop", front_lead_m=12e-9)
    seen = list(example("stop_in_time").stop(client, twin, target=0.02))

    # The front comes into view, so it is soon over.
    assert twin.standing().beam == "shut"
    assert twin.state()["frames"] == len(seen)


def test_what_is_amorphous_from_the_beginning_counts(steered):
    client, twin = steered
    twin.reset(specimen="film", seed=1, series="stop late")
    seen = list(example("stop_in_time").stop(client, twin, target=0.5))

    assert seen[0] > 0.1
    assert twin.standing().beam == "shut"


def test_the_examples_say_how_they_are_run_and_are_short():
    for name in ("follow_front", "survey", "stop_in_time"):
        text = (ROOT / "examples" / f"{name}.py").read_text()
        assert "scopeside serve --config examples/twin.toml" in text
        assert len(text.splitlines()) < 60
