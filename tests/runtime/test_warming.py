import numpy as np
import pytest
import tifffile

from scopeside.configuration import load_settings
from scopeside.errors import ConfigError, ServiceError
from scopeside.runtime.warming import Warming
from scopeside.stages.embed.null import NullEmbedder
from scopeside.testing.fakes import GatedEmbedder

SOON_S = 60.0
SMALL = ["service.frame_shape=[48,32]", "chips.size_px=16"]


def test_the_pipeline_has_planned_and_remembers_nothing():
    warming = Warming(load_settings(sets=SMALL), embedder=NullEmbedder())
    warming.thread.join(SOON_S)
    assert warming.pipeline().replans == 1
    assert warming.pipeline().provenance.embedder == "null"


def test_what_kept_it_from_getting_warm_is_raised_where_it_is_asked_for(tmp_path):
    sets = [*SMALL, f"preprocess.dark={tmp_path}/absent.npy"]
    warming = Warming(load_settings(sets=sets), embedder=NullEmbedder())
    warming.thread.join(SOON_S)
    with pytest.raises(ConfigError, match=r"preprocess\.dark: .*absent\.npy"):
        warming.pipeline()


def test_a_reference_whose_frames_differ_in_shape_is_one_sentence(tmp_path):
    for name, rows in (("a", 48), ("b", 32)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((rows, 32), np.uint16))
    sets = [*SMALL, f"preprocess.dark={tmp_path}"]
    warming = Warming(load_settings(sets=sets), embedder=NullEmbedder())
    warming.thread.join(SOON_S)
    with pytest.raises(ConfigError, match=r"preprocess\.dark: .*several shapes"):
        warming.pipeline()


def test_a_pipeline_that_is_not_warm_yet_is_not_handed_out():
    embedder = GatedEmbedder(NullEmbedder())
    embedder.gate.clear()
    warming = Warming(load_settings(sets=SMALL), embedder=embedder)
    assert embedder.entered.wait(SOON_S)
    with pytest.raises(ServiceError, match="still warming"):
        warming.pipeline()
    embedder.gate.set()
    warming.thread.join(SOON_S)
    assert warming.pipeline().replans == 1
