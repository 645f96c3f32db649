import numpy as np
import pytest
from PIL import Image

from scopeside.errors import OutputError
from scopeside.film_evaluation import FrontScore
from scopeside.latency import Percentiles
from scopeside.view.plots import Track, communities_plot, front_plot, latency_plot, save_plot


def front(frame, *, dose):
    return FrontScore(
        frame=frame,
        dose_e_per_m2=dose,
        amorphous_fraction=0.1 * frame,
        amorphous_fraction_true=0.1 * frame + 0.02,
        front_px=50.0 * frame,
        front_px_true=50.0 * frame + 4,
        error_px=4.0,
    )


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines()}


def test_the_front_is_plotted_against_dose_beside_the_truth():
    figure = front_plot([front(i, dose=1e24 * i) for i in range(5)], error_px=4.0)
    fraction, position = figure.get_axes()
    assert lines(fraction)["truth"].get_ydata() == pytest.approx([0.02, 0.12, 0.22, 0.32, 0.42])
    assert lines(position)["segmented"].get_ydata() == pytest.approx([0, 50, 100, 150, 200])
    assert lines(position)["truth"].get_xdata() == pytest.approx([1e24 * i for i in range(5)])
    assert "dose" in position.get_xlabel()
    assert any("4.0 px" in text.get_text() for text in position.texts)


def test_without_dose_the_front_is_plotted_against_the_frame():
    figure = front_plot([front(3, dose=None), front(4, dose=None)], error_px=1.0)
    position = figure.get_axes()[1]
    assert position.get_xlabel() == "frame"
    assert lines(position)["truth"].get_xdata() == pytest.approx([3, 4])


def test_communities_keep_their_own_colour():
    track = Track(title="amorphous", color=(255, 0, 51), frames=[1, 2], fractions=[0.5, 0.75])
    axes = communities_plot([track]).get_axes()[0]
    line = lines(axes)["amorphous"]
    assert line.get_color() == pytest.approx((1.0, 0.0, 0.2))
    assert line.get_ydata() == pytest.approx([0.5, 0.75])


@pytest.mark.parametrize("end_to_end_s", [[0.3, 0.5], [None, 0.5], [None, None]])
def test_latency_is_in_milliseconds_and_leaves_out_what_is_not_known(end_to_end_s):
    spent = Percentiles.of([0.2, 0.4])
    figure = latency_plot(
        [7, 8], [0.2, 0.4], end_to_end_s, total=spent, stages={"embed": spent, "graph": spent}
    )
    over_time, by_stage = figure.get_axes()
    drawn = lines(over_time)
    assert drawn["received to published"].get_ydata() == pytest.approx([200, 400])
    known = [1e3 * value for value in end_to_end_s if value is not None]
    if known:
        assert drawn["end of exposure to published"].get_ydata() == pytest.approx(known)
    else:
        assert "end of exposure to published" not in drawn
    assert [label.get_text() for label in by_stage.get_yticklabels()] == ["embed", "graph"]
    assert by_stage.patches[0].get_width() == pytest.approx(200)


def test_a_plot_is_written_as_a_picture(tmp_path):
    save_plot(tmp_path / "new" / "plot.png", communities_plot([]))
    assert np.asarray(Image.open(tmp_path / "new" / "plot.png")).std() > 0
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"plot\.png"):
        save_plot(tmp_path / "file" / "plot.png", communities_plot([]))
