"""The reader refuses what a builder refuses, or the tests of the Dockerfile would prove little."""

import pytest

from dockerfile_reader import DockerfileError, environment, instructions, lineage, stages


@pytest.mark.parametrize(
    "text",
    [
        "FROM a AS b\nRUNN true",
        "FROM a AS b\nRUN",
        "FROM a",
        "FROM a AS b\nFROM c AS b",
        "RUN true\nFROM a AS b",
        "FROM a AS b\nHEALTHCHECK --every=3s CMD true",
        "FROM a AS b\nHEALTHCHECK --interval=3s --interval=4s CMD true",
        "FROM a AS b\nCOPY --from x /y",
        "FROM a AS b\nRUN one \\",
        "FROM a AS b\nRUN one \\\n\n  two",
    ],
)
def test_what_no_builder_takes_is_refused(text):
    with pytest.raises(DockerfileError):
        stages(text)


@pytest.mark.parametrize("rest", ["['a']", "[]", "[1]", '["a",]'])
def test_a_list_that_is_no_json_is_refused_and_not_taken_for_a_shell_line(rest):
    (one,) = instructions(f"CMD {rest}")
    with pytest.raises(DockerfileError):
        one.words()


@pytest.mark.parametrize("rest", ["A b", "A=1 A=2"])
def test_a_variable_has_a_value_and_is_named_once(rest):
    (one,) = instructions(f"ENV {rest}")
    with pytest.raises(DockerfileError):
        one.pairs()


def test_continued_lines_comments_and_quotes_are_read_as_one_instruction():
    (one,) = instructions('ENV A="x y" \\\n  # why\n  B=2\n')
    assert one.pairs() == {"A": "x y", "B": "2"}


def test_a_stage_takes_over_from_those_it_is_made_of():
    found = stages("FROM x AS a\nENV P=1 Q=1\nFROM a AS b\nENV Q=2\nFROM y AS c\n")
    assert [stage.name for stage in lineage(found, "b")] == ["a", "b"]
    assert environment(found, "b") == {"P": "1", "Q": "2"}
    assert environment(found, "c") == {}
