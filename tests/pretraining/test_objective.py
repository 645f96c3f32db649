"""The objective: 0 for what is asked, blind to what is not, with a gradient everywhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scopeside.pretraining.belonging import by_material, by_place
from scopeside.pretraining.objective import cosine_loss

EACH = 8
COMMON = torch.tensor([True])
OWN = torch.tensor([False])


def case(material_N, *, features=16):
    """Two exposures of pure chips, embedded as their material asks, and the belonging."""
    material_P = np.tile(material_N, 2)
    shares_PM = np.eye(int(material_P.max()) + 1, dtype=np.float32)[material_P]
    axes_MD = np.eye(shares_PM.shape[1], features)
    embeddings_SVND = torch.tensor(shares_PM @ axes_MD, dtype=torch.float32)
    return embeddings_SVND.reshape(1, 2, len(material_N), features), *tensors(
        by_material(shares_PM)
    )


def tensors(belonging):
    return (
        torch.from_numpy(belonging.cosine_PP)[None],
        torch.from_numpy(belonging.weight_PP)[None],
    )


def random_embeddings(seed, each=EACH):
    random = torch.Generator().manual_seed(seed)
    return torch.randn((1, 2, each, 16), generator=random)


@pytest.mark.parametrize("common", [COMMON, OWN])
@pytest.mark.parametrize("material_N", [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0, 1, 1, 1, 1, 1]])
def test_embeddings_that_are_what_is_asked_cost_nothing(material_N, common):
    embeddings, cosine, weight = case(np.array(material_N))
    assert float(cosine_loss(embeddings, cosine, weight, common)) == pytest.approx(0.0, abs=1e-10)


@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 10.0))
@settings(max_examples=20)
def test_length_and_an_offset_of_all_do_not_matter(seed, scale):
    _, cosine, weight = case(np.arange(EACH) % 2)
    embeddings = random_embeddings(seed)
    offset = random_embeddings(seed + 1, each=1)[:, :1]
    plain, moved = (
        float(cosine_loss(one, cosine, weight, COMMON))
        for one in (embeddings, scale * (embeddings + offset))
    )
    assert moved == pytest.approx(plain, abs=1e-4)


def test_an_offset_of_one_exposure_matters_only_where_they_are_compared_about_a_common_mean():
    embeddings, cosine, weight = case(np.arange(EACH) % 2)
    offset_V = torch.tensor([0.0, 3.0]).view(1, 2, 1, 1)
    apart = embeddings + offset_V * torch.ones(16)
    assert float(cosine_loss(apart, cosine, weight, OWN)) == pytest.approx(0.0, abs=1e-10)
    assert float(cosine_loss(apart, cosine, weight, COMMON)) > 0.1


@pytest.mark.parametrize("common", [COMMON, OWN])
def test_the_right_labels_cost_less_than_the_wrong_ones(common):
    embeddings, cosine, weight = case(np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    _, wrong_cosine, wrong_weight = case(np.array([0, 1, 0, 1, 0, 1, 0, 1]))
    noisy = embeddings + 0.1 * random_embeddings(0)
    right = float(cosine_loss(noisy, cosine, weight, common))
    assert right < 0.2 < float(cosine_loss(noisy, wrong_cosine, wrong_weight, common))


@pytest.mark.parametrize("common", [COMMON, OWN])
@pytest.mark.parametrize("embeddings", [random_embeddings(1), torch.zeros((1, 2, EACH, 16))])
def test_the_gradient_is_finite_even_where_all_embeddings_are_one(embeddings, common):
    _, cosine, weight = case(np.arange(EACH) % 2)
    embeddings = embeddings.clone().requires_grad_(requires_grad=True)
    loss = cosine_loss(embeddings, cosine, weight, common)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


def test_steps_down_the_gradient_lead_to_what_is_asked():
    _, cosine, weight = case(np.arange(EACH) % 2)
    embeddings = random_embeddings(2).requires_grad_(requires_grad=True)
    optimizer = torch.optim.Adam([embeddings], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = cosine_loss(embeddings, cosine, weight, COMMON)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.01


def test_of_a_specimen_without_labels_only_the_same_places_are_compared():
    y0_N, x0_N = np.arange(4) * 64, np.zeros(4, np.int64)
    cosine, weight = tensors(by_place(np.tile(y0_N, 2), np.tile(x0_N, 2), chip_px=64))
    exposure_ND = random_embeddings(3, each=4)[:, :1]
    alike = exposure_ND.expand(-1, 2, -1, -1)
    shuffled = torch.cat([exposure_ND, exposure_ND[:, :, [1, 2, 3, 0]]], dim=1)
    assert float(cosine_loss(alike, cosine, weight, COMMON)) == pytest.approx(0.0, abs=1e-10)
    assert float(cosine_loss(shuffled, cosine, weight, COMMON)) > 0.5


def test_specimens_count_alike_however_sure_their_chips_are():
    _, cosine, weight = case(np.arange(EACH) % 2)
    embeddings = random_embeddings(4)
    one = float(cosine_loss(embeddings, cosine, weight, OWN))
    both = cosine_loss(
        embeddings.expand(2, -1, -1, -1),
        cosine.expand(2, -1, -1),
        torch.cat([weight, 0.1 * weight]),
        OWN.expand(2),
    )
    assert float(both) == pytest.approx(one, rel=1e-5)


def test_a_specimen_whose_pairs_count_nothing_adds_nothing():
    _, cosine, weight = case(np.arange(EACH) % 2)
    loss = cosine_loss(random_embeddings(5), cosine, torch.zeros_like(weight), COMMON)
    assert float(loss) == 0.0
