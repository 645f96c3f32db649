import argparse
import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scopeside import configuration
from scopeside.configuration import apply_live, documented_keys, live_keys, load_settings
from scopeside.errors import ConfigError
from scopeside.setting_keys import flatten, key_index, nearest_key, nest
from scopeside.settings import Settings

PRESETS = Path(__file__).resolve().parents[1] / "config"


def write(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_nothing_given_yields_the_defaults_and_says_so():
    loaded = load_settings()
    assert loaded.settings == Settings()
    assert set(loaded.sources) == set(key_index())
    assert set(loaded.sources.values()) == {"default"}


def test_later_sources_win_and_are_named(tmp_path):
    file = write(
        tmp_path,
        '[ingest]\nsocket = "pull"\nqueue_frames = 7\ndeadline_s = 2\n[log]\nlevel = "debug"',
    )
    env = {"SCOPESIDE_INGEST__QUEUE_FRAMES": "8", "SCOPESIDE_INGEST__DEADLINE_S": "3"}
    sets = ["ingest.deadline_s=4", "ingest.deadline_s=5.5"]
    loaded = load_settings([file], env, sets)
    assert loaded.settings.ingest.socket == "pull"
    assert loaded.settings.ingest.queue_frames == 8
    assert loaded.settings.ingest.deadline_s == 5.5
    assert loaded.sources["ingest.socket"] == f"file {file}"
    assert loaded.sources["ingest.queue_frames"] == "environment SCOPESIDE_INGEST__QUEUE_FRAMES"
    assert loaded.sources["ingest.deadline_s"] == "--set"
    assert loaded.sources["ingest.attach"] == "default"


def test_the_second_file_wins_over_the_first(tmp_path):
    first = write(tmp_path, "[chips]\nsize_px = 32\nstride_px = 16")
    second = tmp_path / "second.toml"
    second.write_text("[chips]\nsize_px = 48")
    chips = load_settings([first, second]).settings.chips
    assert (chips.size_px, chips.stride_px) == (48, 16)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("graph.resolution=auto", "auto"),
        ("graph.resolution=0.6", 0.6),
        ("graph.centred=false", False),
        ('ingest.socket="pull"', "pull"),
        ("ingest.endpoint= tcp://10.0.0.2:5555 ", "tcp://10.0.0.2:5555"),
        ("embed.weights=2024", "2024"),
        ("service.cache=2024-01-01", Path("2024-01-01")),
        ("service.frame_shape=[256, 640]", (256, 640)),
        ("ingest.policy=", None),
    ],
)
def test_values_on_the_command_line_are_toml_where_possible_and_text_otherwise(written, value):
    settings = load_settings(sets=[written]).settings
    for name in written.partition("=")[0].split("."):
        settings = getattr(settings, name)
    assert settings == value
    assert type(settings) is type(value) or isinstance(value, Path)


def test_the_device_is_set_by_its_plain_environment_name():
    assert load_settings(env={"SCOPESIDE_DEVICE": "cpu"}).settings.device == "cpu"


def test_environment_names_that_are_no_settings_are_left_alone():
    env = {"SCOPESIDE_DATA": "/data", "HOME": "/home/x", "OTHER_INGEST__ENDPOINT": "x"}
    assert load_settings(env=env).settings == Settings()


@pytest.mark.parametrize(
    ("env", "sets", "words"),
    [
        ({}, ["ingest.endpont=tcp://a:1"], ['"ingest.endpont"', '"ingest.endpoint"', "--set"]),
        ({}, ["resolution=1"], ['"resolution"', '"graph.resolution"']),
        ({}, ["qqqqqqqqqq=1"], ['"qqqqqqqqqq"', "scopeside config"]),
        ({}, ["ingest=1"], ["table", '"ingest.endpoint"']),
        ({}, ["ingest.endpoint"], ["KEY=VALUE"]),
        ({"SCOPESIDE_INGEST__SOCKT": "sub"}, [], ["SCOPESIDE_INGEST__SOCKT", '"ingest.socket"']),
        ({"SCOPESIDE_INGEST": "sub"}, [], ["SCOPESIDE_INGEST", "table"]),
    ],
)
def test_unknown_keys_name_themselves_their_source_and_the_nearest(env, sets, words):
    with pytest.raises(ConfigError) as caught:
        load_settings(env=env, sets=sets)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_unknown_keys_in_a_file_name_the_file(tmp_path):
    file = write(tmp_path, "[graph]\nneigbours = 3")
    with pytest.raises(ConfigError, match=re.escape(str(file)) + r'.*"graph\.neighbours"'):
        load_settings([file])


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["graph.resolution=-1"], ["graph.resolution = -1 (--set)", "above 0", '"auto"']),
        (["ingest.socket=dealer"], ['"dealer"', '"sub" or "pull"']),
        (["embed.batch=true"], ["embed.batch = true", "whole number from 1 to 4096"]),
        (["embed.batch=2.5"], ["embed.batch = 2.5"]),
        (["embed.batch=1979-05-27"], ["embed.batch = 1979-05-27"]),
        (["embed.threads="], ["embed.threads = (absent)"]),
        (["ingest.deadline_s=nan"], ["ingest.deadline_s", "above 0"]),
        (["chips.size_px=16", "chips.stride_px=32"], ["chips.stride_px = 32", "must not exceed"]),
        (["embed.batch=0", "log.level=loud"], ["embed.batch", "log.level"]),
        (["service.frame_shape=[1,2,3]"], ["service.frame_shape", "a list ["]),
    ],
)
def test_bad_values_say_key_value_source_and_what_is_allowed(sets, words):
    with pytest.raises(ConfigError) as caught:
        load_settings(sets=sets)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message.splitlines()) == (2 if "log.level=loud" in sets else 1)


@pytest.mark.parametrize("text", ["[ingest", "\xff", "ingest = 3"])
def test_a_broken_file_is_named(tmp_path, text):
    file = tmp_path / "broken.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        load_settings([file])


def test_a_file_that_is_absent_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        load_settings([tmp_path / "gone.toml"])


def test_live_settings_change_and_the_rest_stays():
    before = load_settings(sets=["chips.size_px=48", "service.cache=here"]).settings
    after = apply_live(before, {"graph.resolution": 0.6, "communities.min_chips": 1})
    assert after.graph.resolution == 0.6
    assert after.communities.min_chips == 1
    restored = apply_live(after, {"graph.resolution": "auto", "communities.min_chips": 3})
    assert restored == before


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"graph.resolution": 1, "ingest.endpoint": "tcp://a:1"}, ["ingest.endpoint", "restart"]),
        ({"graph.resolutoin": 1}, ['"graph.resolutoin"', '"graph.resolution"']),
        ({"graph.resolution": -3}, ["graph.resolution = -3", "above 0"]),
        ({"graph.resolution": b"1"}, ["graph.resolution"]),
        ({"graph.resolution": {"a": 1}}, ["graph.resolution"]),
    ],
)
def test_what_cannot_change_live_is_refused_by_name(values, words):
    with pytest.raises(ConfigError) as caught:
        apply_live(Settings(), values)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_hash_follows_the_settings_and_not_their_source(tmp_path):
    file = write(tmp_path, "[graph]\nneighbours = 9")
    by_file, by_set = load_settings([file]), load_settings(sets=["graph.neighbours=9"])
    assert by_file.hash == by_set.hash != load_settings().hash
    assert re.fullmatch("[0-9a-f]{12}", by_file.hash)


def test_every_key_is_described_with_its_type():
    keys = {documented.key: documented for documented in documented_keys()}
    assert set(keys) == set(flatten(Settings().model_dump()))
    assert all(documented.description.endswith(".") for documented in keys.values())
    assert keys["ingest.socket"].type == '"sub" or "pull"'
    assert keys["chips.stride_px"].type == "a whole number from 1 to 1024 or absent"
    assert live_keys() == {key for key, documented in keys.items() if documented.live}
    assert "graph.resolution" in live_keys()
    assert "ingest.endpoint" not in live_keys()


def test_the_default_preset_equals_the_defaults_and_documents_every_key():
    file = PRESETS / "default.toml"
    assert load_settings([file]).settings == Settings()
    section = ""
    shown = set()
    comment = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = f"{found[1]}."
        elif found := re.fullmatch(r"(?:# )?(\w+) = \S.*", line):
            key = section + found[1]
            assert key_index()[key].description in comment, key
            assert key_index()[key].live == ("(live)" in comment), key
            assert line.startswith("# ") == (key_index()[key].default is None), key
            if line.startswith("# "):  # the example must be allowed, too
                table = section.rstrip(".")
                example = tomllib.loads(f"[{table}]\n{line.removeprefix('# ')}")
                load_settings(sets=[f"{key}={json.dumps(v)}" for v in example[table].values()])
            shown.add(key)
            comment = ""
        elif not line:
            comment = ""
        elif line.startswith("# "):
            comment = f"{comment} {line[2:]}".strip()
    assert shown == set(key_index())


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_loads_by_its_name(preset):
    found = configuration.find_config(preset.stem)
    assert found.resolve() == preset
    load_settings([found])


def test_a_preset_that_does_not_exist_names_those_that_do():
    with pytest.raises(ConfigError, match=r'"nonsense".*default.*fast'):
        configuration.find_config("nonsense")


def test_the_options_of_a_command_reach_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("SCOPESIDE_GRAPH__NEIGHBOURS", "11")
    file = write(tmp_path, "[graph]\nneighbours = 9\ncentred = false")
    parser = argparse.ArgumentParser()
    configuration.add_arguments(parser)
    args = parser.parse_args(["--config", str(file), "--set", "graph.threshold=0.5"])
    graph = configuration.from_arguments(args).settings.graph
    assert (graph.neighbours, graph.centred, graph.threshold) == (11, False, 0.5)


@given(st.dictionaries(st.sampled_from(sorted(key_index())), st.integers(), max_size=8))
def test_nesting_and_flattening_are_inverse(flat):
    assert flatten(nest(flat)) == flat


@given(st.text(max_size=30))
def test_any_text_as_a_setting_loads_or_is_a_config_error(text):
    for key in ("embed.weights", "graph.resolution", "service.frame_shape", "ingest.policy"):
        try:
            load_settings(sets=[f"{key}={text}"])
        except ConfigError as error:
            assert key in str(error)  # noqa: PT017 -- both outcomes are right, silence is not
    assert nearest_key(text) in {None, *key_index()}


@pytest.mark.parametrize("port", ["70000", "65536", "55x", "", "-1"])
def test_a_port_that_zeromq_would_read_as_another_is_refused(port):
    with pytest.raises(ConfigError, match=r"control\.endpoint .* must be tcp://HOST:PORT"):
        load_settings(sets=[f"control.endpoint=tcp://127.0.0.1:{port}"])


@pytest.mark.parametrize("port", ["*", "0", "1", "5558", "59999", "65535"])
def test_every_port_there_is_may_be_given(port):
    endpoint = f"tcp://[::1]:{port}"
    given = load_settings(sets=[f"control.endpoint={endpoint}"])
    assert given.settings.control.endpoint == endpoint


def test_only_weights_whose_distances_are_known_have_a_unit():
    assert load_settings().settings.distance_unit == 0.7
    for weights in ("seeded", "micronet", "mine.safetensors"):
        assert load_settings(sets=[f"embed.weights={weights}"]).settings.distance_unit is None
    own = load_settings(sets=["embed.weights=mine.safetensors", "identity.unit=0.5"])
    assert own.settings.distance_unit == 0.5


RULES = """
[[rules]]
name = "stop"
watch = "fraction"
community = "amorphous"
above = 0.5

[[rules]]
name = "lost"
watch = "drops"
{second}
"""


def test_rules_are_tables_of_a_file_and_change_no_hash(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text(RULES.format(second='figure = "share"\nabove = 0.1'))
    loaded = load_settings([file])
    assert [rule.name for rule in loaded.settings.rules] == ["stop", "lost"]
    assert loaded.settings.rules[0].community == "amorphous"
    assert loaded.hash == load_settings().hash
    changed = apply_live(loaded.settings, {"graph.resolution": 0.5})
    assert changed.rules == loaded.settings.rules


def test_the_rules_that_the_documentation_shows_are_allowed(tmp_path):
    page = PRESETS.parent / "docs" / "steering.md"
    (shown,) = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "shown.toml"
    file.write_text(shown)
    watched = [rule.watch for rule in load_settings([file]).settings.rules]
    assert watched == ["fraction", "front", "drops"]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("abov = 1", "rules[1] (file FILE): Rule 'lost' has no key 'abov': did you mean 'above'?"),
        ("above = '1'", "rules[1] (file FILE): Rule 'lost', key 'above', is not allowed"),
        ("above = 1\ncommunity = 1", "rules[1] (file FILE): Rule 'lost' has no key 'community'"),
        (
            "above = 1\n[[rules]]\nname = 'stop'\nwatch = 'appears'",
            "rules (file FILE): rule name 'stop' is given to more than one rule.",
        ),
        (
            "above = 1\n[[rules]]\nname = 'x'\nwatch = 'fraction'",
            "rules[2] (file FILE): Rule 'x' is not allowed: exactly one of above, below",
        ),
        (
            "above = 1\n[[rules]]\nname = 'x'\nwatch = 'fractions'",
            "rules[2] (file FILE): Rule 'x' is not allowed: watch must be one of fraction,",
        ),
        (
            "above = 1\n[[rules]]\nname = 'x'\nwatch = 'fraction'\nabove = 50",
            "rules[2] (file FILE): Rule 'x' is not allowed: above = 50 is no share: it lies",
        ),
        (
            "above = 1\n[[rules]]\nname = 'x'\nwatch = 'confidence'\nbelow = -0.1",
            "rules[2] (file FILE): Rule 'x' is not allowed: below = -0.1 is no share",
        ),
        (
            "figure = 'share'\nabove = 20",
            "rules[1] (file FILE): Rule 'lost' is not allowed: above = 20 is no share",
        ),
        (
            "above = 1\n[[rules]]\nname = 'x'\nwatch = 'front'\nbetween = [2, 2]\nabove = 1",
            "rules[2] (file FILE): Rule 'x' is not allowed: community 2 has no front with itself",
        ),
    ],
)
def test_a_wrong_rule_is_refused_by_its_name_and_key(tmp_path, second, says):
    file = tmp_path / "rules.toml"
    file.write_text(RULES.format(second=second))
    with pytest.raises(ConfigError, match=re.escape(says.replace("FILE", str(file)))):
        load_settings([file])
