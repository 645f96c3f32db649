"""The settings page and the presets say what the models say."""

import tomllib

import pytest

from doc_snippets import ROOT, read
from scopeside.cli import main
from scopeside.configuration import load_settings
from scopeside.setting_keys import documented_keys, flatten
from scopeside.settings_file import EXAMPLES, settings_file
from scopeside.settings_page import settings_page

PRESETS = sorted(path.stem for path in (ROOT / "config").glob("*.toml"))


def test_the_settings_page_is_what_the_models_say():
    assert read("docs/configuration.md") == settings_page()


def test_the_page_is_written_by_the_command_that_it_names(capsys):
    assert main(["config", "--markdown"]) == 0

    assert capsys.readouterr().out == settings_page()


def test_every_setting_has_a_row_with_its_default_and_live_mark():
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]

    for key in documented_keys():
        (row,) = [line for line in rows if line.startswith(f"| `{key.key}`")]
        assert ("**live**" in row) == key.live
        assert key.description.replace("|", "\\|") in row


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_loads_and_has_its_line_in_the_readme(preset):
    load_settings([ROOT / "config" / f"{preset}.toml"])

    assert f"| `{preset}` |" in read("config/README.md")


def test_the_default_preset_is_what_the_models_say():
    """Renew it with `scopeside config init -o` where a setting is new; examples are in the code."""
    assert read("config/default.toml") == settings_file()


def test_every_setting_that_is_absent_has_an_example():
    absent = {key.key for key in documented_keys() if key.default is None}
    assert absent == set(EXAMPLES)


def test_the_default_preset_changes_nothing():
    tree = tomllib.loads(read("config/default.toml"))
    defaults = {key.key: key.default for key in documented_keys()}

    assert flatten(tree).items() <= defaults.items()
