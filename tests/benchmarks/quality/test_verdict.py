from __future__ import annotations

from harness import Report
from quality.cases import AUTO, FIXED, PLAIN, THRESHOLD, TUNED
from quality.verdict import chosen, judge_labelled, summary

FIRST, SECOND = "bf_tem_nanoparticles", "nasa_ebc_sem"


def row(set_: str, method: str, setting: str = "", told: str = "", **scores: float):
    named = {"set": set_, "method": method, "weights": "builtin", "mode": "chips"}
    base = {"ari": 0.5, "iou_many": 0.5, "iou_one": 0.5, "boundary_f": 0.5, "communities": 2.0}
    return named | {"setting": setting, "told": told} | base | scores


def test_a_tuned_method_has_one_setting_for_all_sets_and_the_best_of_each():
    rows = [
        row(FIRST, THRESHOLD, "a", iou_one=0.9),
        row(FIRST, THRESHOLD, "b", iou_one=0.8),
        row(SECOND, THRESHOLD, "a", iou_one=0.1),
        row(SECOND, THRESHOLD, "b", iou_one=0.7),
    ]
    found = [(one["set"], one["setting"], one["told"]) for one in chosen(rows)]
    assert found == [
        (FIRST, "b", ""),
        (SECOND, "b", ""),
        (FIRST, "a", "setting"),
        (SECOND, "b", "setting"),
    ]


def test_other_methods_pass_as_they_are():
    rows = [row(FIRST, AUTO, "auto")]
    assert chosen(rows) == rows


def test_the_aims_compare_what_they_say():
    random = {"weights": "random:0", "iou_equal": 0.6}
    rows = [
        row(FIRST, AUTO, "auto", iou_many=0.8, iou_one=0.75, iou_equal=0.7),
        row(FIRST, FIXED, "0.2", "resolution", iou_one=0.78),
        row(FIRST, PLAIN, "1", iou_one=0.3),
        row(FIRST, THRESHOLD, "plain 0.8", iou_many=0.7),
        row(FIRST, THRESHOLD, "plain 0.9", "setting", iou_many=0.95),
        row(FIRST, AUTO, "auto", iou_many=0.5) | random,
        row(FIRST, TUNED, "auto", iou_many=0.5) | random,
    ]
    report = Report(name="x", question="?", how="by hand")
    judge_labelled(report, rows, "builtin", "chips")
    measured = {aim.what: (aim.measured, aim.met) for aim in report.aims}
    assert [value for value, _ in measured.values()] == [0.1, 0.1, 0.1, 0.1, 0.03, 0.45]
    assert all(met for _, met in measured.values())


def test_the_summary_leaves_simulated_sets_out_and_puts_the_best_first():
    rows = [
        row(FIRST, AUTO, iou_many=0.4),
        row(FIRST, PLAIN, iou_many=0.6),
        row("simulated film", AUTO, iou_many=1.0),
    ]
    assert [(one["method"], one["iou_many"]) for one in summary(rows)] == [
        (PLAIN, 0.6),
        (AUTO, 0.4),
    ]
