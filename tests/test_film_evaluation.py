import numpy as np
import pytest

from scopeside.film_evaluation import FilmEvaluation, truth_from_front

SHAPE = (40, 60)


def front_at(column, slope=0.0):
    return (column + slope * np.arange(SHAPE[0])).astype(np.float32)


def labels_for(front_Y, *, amorphous, crystalline):
    truth = truth_from_front(front_Y, SHAPE[1])
    return np.where(truth == 1, amorphous, crystalline).astype(np.uint16)


def test_truth_lies_left_of_the_front():
    truth = truth_from_front(np.array([0.0, 2.0, 2.5, 4.0]), 4)
    assert truth.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]


def test_a_perfect_run_scores_perfectly():
    film = FilmEvaluation()
    for frame, column in enumerate(range(0, 61, 5)):
        front_Y = front_at(column)
        film.add(
            frame=frame,
            labels_YX=labels_for(front_Y, amorphous=7, crystalline=3),
            front_px_Y=front_Y,
            dose_e_per_m2=1e24 * frame,
        )
    score = film.run_score()
    assert score.frames == 13
    assert score.ari == score.mean_iou == score.mean_iou_of_ids == score.id_constancy == 1.0
    assert score.front_error_median_px == 0.0
    assert score.class_of_id == {7: "amorphous", 3: "crystalline"}
    assert [front.front_px for front in score.fronts] == list(range(0, 61, 5))
    assert score.fronts[3].dose_e_per_m2 == 3e24
    assert score.fronts[3].amorphous_fraction == score.fronts[3].amorphous_fraction_true == 0.25


def test_a_front_that_lags_is_measured_in_pixels():
    film = FilmEvaluation()
    for frame, column in enumerate((20, 25, 30)):
        labels = labels_for(front_at(column - 4, 0.1), amorphous=2, crystalline=1)
        film.add(frame=frame, labels_YX=labels, front_px_Y=front_at(column, 0.1))
    score = film.run_score()
    assert score.front_error_median_px == pytest.approx(4.0, abs=1.0)
    assert score.fronts[0].front_px < score.fronts[0].front_px_true


def test_ids_that_change_cost_constancy_and_are_named_by_class():
    film = FilmEvaluation()
    front_Y = front_at(30)
    for frame in range(10):
        amorphous = 9 if frame == 4 else 2
        film.add(
            frame=frame,
            labels_YX=labels_for(front_Y, amorphous=amorphous, crystalline=1),
            front_px_Y=front_Y,
        )
    score = film.run_score()
    assert score.id_constancy_by_class == {"crystalline": 1.0, "amorphous": 0.9}
    assert score.id_constancy == pytest.approx(0.95)
    assert score.mean_iou_of_ids == 1.0  # both ids are wholly amorphous


def test_ids_that_swap_materials_cannot_be_mapped_and_show_in_the_scores():
    film = FilmEvaluation()
    front_Y = front_at(30)
    for frame in range(4):
        amorphous, crystalline = (1, 2) if frame % 2 else (2, 1)
        labels = labels_for(front_Y, amorphous=amorphous, crystalline=crystalline)
        assert film.add(frame=frame, labels_YX=labels, front_px_Y=front_Y).mean_iou == 1.0
    score = film.run_score()
    assert score.mean_iou_of_ids < 0.5
    assert score.id_constancy == 0.5


def test_a_class_smaller_than_a_chip_does_not_judge_ids():
    film = FilmEvaluation()
    front_Y = front_at(2)  # 2 of 60 columns
    film.add(frame=0, labels_YX=np.full(SHAPE, 5, dtype=np.uint16), front_px_Y=front_Y)
    score = film.run_score()
    assert score.id_constancy_by_class == {"crystalline": 1.0}
    assert score.mean_iou == pytest.approx(0.5 * 58 / 60)


def test_no_frame_means_no_score():
    assert FilmEvaluation().run_score() is None
