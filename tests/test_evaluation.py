import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import comb

from scopeside.evaluation import (
    adjusted_rand_index,
    class_iou,
    contingency,
    id_counts_by_row,
    many_to_one,
    mean_iou,
    one_to_one,
    summed,
)

label_maps = hnp.arrays(np.uint16, (6, 7), elements=st.integers(1, 5))
truths = hnp.arrays(np.uint8, (6, 7), elements=st.integers(0, 2))


def table_of(labels, truth):
    return contingency(np.array(labels, dtype=np.uint16), np.array(truth, dtype=np.uint8))


def pair_counting_ari(labels, truth):
    """Hubert and Arabie's index, pair by pair."""
    labels, truth = labels.ravel(), truth.ravel()
    same_label = labels[:, None] == labels[None, :]
    same_class = truth[:, None] == truth[None, :]
    upper = np.triu_indices(len(labels), 1)
    both = (same_label & same_class)[upper].sum()
    a, b = same_label[upper].sum(), same_class[upper].sum()
    expected = a * b / comb(len(labels), 2)
    return 1.0 if 0.5 * (a + b) == expected else (both - expected) / (0.5 * (a + b) - expected)


@given(label_maps, truths)
def test_adjusted_rand_index_equals_counting_pairs(labels, truth):
    ours = adjusted_rand_index(contingency(labels, truth))
    assert ours == pytest.approx(pair_counting_ari(labels, truth), abs=1e-12)


def test_adjusted_rand_index_of_published_examples():
    # scikit-learn's documentation of adjusted_rand_score.
    assert adjusted_rand_index(table_of([[1, 1, 2, 2]], [[0, 0, 1, 1]])) == 1.0
    assert adjusted_rand_index(table_of([[1, 1, 2, 3]], [[0, 0, 1, 1]])) == pytest.approx(0.5714285)
    assert adjusted_rand_index(table_of([[1, 2, 3, 4]], [[0, 0, 0, 0]])) == 0.0
    assert adjusted_rand_index(table_of([[7, 7, 7, 7]], [[0, 0, 0, 0]])) == 1.0


@given(label_maps, truths, st.permutations(range(1, 6)))
def test_renaming_labels_changes_no_score(labels, truth, names):
    renamed = np.array([0, *names], dtype=np.uint16)[labels]
    table, other = contingency(labels, truth), contingency(renamed, truth)
    assert adjusted_rand_index(table) == pytest.approx(adjusted_rand_index(other))
    assert mean_iou(table, one_to_one(table)) >= 0
    overlap, other_overlap = (
        sum(t.counts_KC[list(t.ids_K).index(k), list(t.classes_C).index(c)] for k, c in m.items())
        for t, m in ((table, one_to_one(table)), (other, one_to_one(other)))
    )
    assert overlap == other_overlap


@given(truths)
def test_the_truth_scores_one_by_every_measure(truth):
    table = contingency(truth.astype(np.uint16) + 1, truth)
    assert adjusted_rand_index(table) == 1.0
    assert mean_iou(table, many_to_one(table)) == 1.0
    assert mean_iou(table, one_to_one(table)) == 1.0


@given(label_maps, truths)
def test_iou_equals_its_definition_pixel_by_pixel(labels, truth):
    table = contingency(labels, truth)
    classes = many_to_one(table)
    predicted = np.vectorize(classes.__getitem__)(labels)
    for class_, iou in class_iou(table, classes).items():
        inside, wanted = predicted == class_, truth == class_
        assert iou == pytest.approx((inside & wanted).sum() / (inside | wanted).sum())


def test_over_segmentation_costs_nothing_many_to_one_and_half_a_class_one_to_one():
    table = table_of([[1, 1, 2, 2, 3, 3, 3, 3]], [[0, 0, 0, 0, 1, 1, 1, 1]])
    assert many_to_one(table) == {1: 0, 2: 0, 3: 1}
    assert mean_iou(table, many_to_one(table)) == 1.0
    assert mean_iou(table, one_to_one(table)) == 0.75


def test_pixels_without_a_label_count_as_wrong():
    table = table_of([[0, 0, 1, 1]], [[0, 0, 1, 1]])
    assert many_to_one(table) == {1: 1}
    assert one_to_one(table) == {1: 1}
    assert class_iou(table, {1: 1}) == {0: 0.0, 1: 1.0}
    assert table.carrier(0) is None
    assert table.carrier(1) == 1


@given(label_maps)
def test_row_counts_match_a_count_by_hand(labels):
    ids = np.unique(labels).astype(np.int64)
    counts = id_counts_by_row(labels, ids)
    for row, line in enumerate(labels):
        assert [int((line == id_).sum()) for id_ in ids] == counts[row].tolist()


@given(label_maps, truths, label_maps, truths)
def test_the_table_of_two_frames_is_that_of_both_side_by_side(labels, truth, labels2, truth2):
    both = contingency(np.hstack([labels, labels2]), np.hstack([truth, truth2]))
    added = summed([contingency(labels, truth), contingency(labels2, truth2)])
    assert np.array_equal(added.counts_KC, both.counts_KC)
    assert np.array_equal(added.ids_K, both.ids_K)
