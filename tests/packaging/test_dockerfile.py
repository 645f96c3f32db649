"""What can be known of the Dockerfile without a container engine."""

import re
import tomllib
from pathlib import PurePosixPath

import pytest

from containers import STAGES, TARGETS, health_check, image_settings, understood
from doc_snippets import ROOT, read
from dockerfile_reader import environment, inherited, lineage
from scopeside import configuration
from scopeside.checks.running import ANSWER_S
from scopeside.settings import Settings

PROJECT = tomllib.loads(read("pyproject.toml"))["project"]
COPIES = [one for stage in STAGES.values() for one in stage.all("COPY")]
RUNS = [one.rest for stage in STAGES.values() for one in stage.all("RUN")]
INSTALLS = [run for run in RUNS if " install " in run and " pip " in run]


def builder_of(target):
    (copied,) = [one for one in STAGES[target].all("COPY") if "from" in one.options]
    return copied.options["from"]


def test_the_targets_exist_and_a_build_without_one_makes_the_cpu_image():
    assert set(TARGETS) <= set(STAGES)
    assert list(STAGES)[-1] == "cpu"


def test_all_stages_have_one_base_so_that_the_environment_finds_its_interpreter():
    bases = {lineage(STAGES, name)[0].base for name in STAGES}
    assert len(bases) == 1
    (version,) = re.findall(r"^python:(\d+\.\d+)-slim-[a-z]+$", bases.pop())
    assert version in PROJECT["requires-python"]  # the oldest that is supported is what CI runs


@pytest.mark.parametrize("copy", [one for one in COPIES if "from" not in one.options])
def test_everything_copied_exists_and_is_let_through_to_the_builder(copy):
    *sources, _ = copy.words()
    let_through = {line[1:] for line in read(".dockerignore").splitlines() if line[:1] == "!"}

    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert source in let_through


def test_the_builder_is_sent_nothing_that_is_not_copied():
    lines = [one for one in read(".dockerignore").splitlines() if one and one[0] != "#"]
    copied = {source for one in COPIES if "from" not in one.options for source in one.words()[:-1]}

    assert lines[0] == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == copied


@pytest.mark.parametrize("copy", [one for one in COPIES if "from" in one.options])
def test_an_environment_is_copied_from_an_earlier_stage_to_the_path_it_was_made_for(copy):
    # The scripts of a virtual environment name its interpreter by path.
    source, destination = copy.words()
    (made,) = [run for run in RUNS if " venv " in run]

    assert copy.options["from"] in STAGES
    assert source == destination == made.split()[-1]


def test_everything_installed_is_pinned_and_nothing_is_compiled():
    assert INSTALLS
    for run in INSTALLS:
        assert "-c constraints.txt" in run
        assert "--only-binary :all:" in run


@pytest.mark.parametrize("target", TARGETS)
def test_the_constraints_are_there_before_the_first_package_is_installed(target):
    order = [one for stage in lineage(STAGES, builder_of(target)) for one in stage.instructions]
    copied = next(n for n, one in enumerate(order) if "constraints.txt" in one.words()[:-1])
    installed = next(n for n, one in enumerate(order) if one.rest in INSTALLS)
    assert copied < installed


@pytest.mark.parametrize(("target", "extras"), [("cpu", {"cpu"}), ("gpu", {"cpu", "gpu"})])
def test_a_target_installs_its_extras_and_they_exist(target, extras):
    (last,) = [one.words()[-1] for one in STAGES[builder_of(target)].all("RUN")[-1:]]
    (named,) = re.fullmatch(r"\.\[([a-z,]+)\]", last).groups()
    assert set(named.split(",")) == extras
    assert extras <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_build_of_the_package_reads_is_copied_before_it(target):
    copied = {
        source
        for stage in lineage(STAGES, builder_of(target))
        for one in stage.all("COPY")
        for source in one.words()[:-1]
    }
    roots = set(
        tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["packages"]["find"]["where"]
    )
    assert copied >= {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *roots}


def test_no_registry_is_named_and_torchs_is_an_argument():
    assert not re.search(r"https?://|index-url\s+\S*\.", "\n".join(RUNS))
    (argument,) = STAGES[builder_of("cpu")].all("ARG")
    assert argument.pairs() == {"TORCH_PIP": ""}
    assert "$TORCH_PIP" in INSTALLS[0].split()  # unquoted: several options become several words


@pytest.mark.parametrize("target", TARGETS)
def test_the_final_image_runs_no_pip_and_has_a_compiler_only_for_tritons_launchers(target):
    runs = [run.rest for run in inherited(STAGES, target, "RUN")]
    assert not any(re.search(r"\b(pip|g\+\+|build-essential)\b", run) for run in runs)
    compilers = [run for run in runs if re.search(r"\b(apt|apt-get|gcc)\b", run)]
    assert len(compilers) == (target == "gpu")
    assert all("rm -rf /var/lib/apt/lists" in run for run in compilers)


@pytest.mark.parametrize("target", TARGETS)
def test_it_runs_as_a_user_by_number_who_is_not_root_and_owns_the_cache(target):
    *_, user = [one.rest for one in inherited(STAGES, target, "USER")]
    uid, gid = map(int, user.split(":"))
    made = inherited(STAGES, target, "RUN")[0].rest
    (volume,) = [one.rest for one in inherited(STAGES, target, "VOLUME")]

    assert uid > 0
    assert gid > 0
    assert f"--uid {uid} --gid {gid}" in made
    assert f"install -d -o {uid} -g {gid} -m 0700 {volume}" in made


def test_the_volume_is_declared_after_its_folder_was_made_and_the_user_changed_after_that():
    # What is done to a volume's folder after VOLUME may be lost, and a user cannot make it.
    words = [one.word for one in STAGES["runtime"].instructions]
    assert words.index("RUN") < words.index("VOLUME") < words.index("USER")


@pytest.mark.parametrize("target", TARGETS)
def test_the_settings_of_the_image_exist_and_are_allowed(target):
    variables = image_settings(target)
    chosen = configuration.load_settings(env=variables)
    taken = [source for source in chosen.sources.values() if source != "default"]
    assert sorted(taken) == sorted(f"environment {name}" for name in variables)


@pytest.mark.parametrize("target", TARGETS)
def test_the_cache_lies_on_the_volume(target):
    settings = configuration.load_settings(env=image_settings(target)).settings
    (volume,) = [one.rest for one in inherited(STAGES, target, "VOLUME")]
    assert PurePosixPath(volume) in PurePosixPath(str(settings.service.cache)).parents
    assert environment(STAGES, target)["HOME"] == volume


@pytest.mark.parametrize("target", TARGETS)
def test_every_endpoint_is_bound_where_others_reach_it_at_its_usual_port_and_exposed(target):
    settings = configuration.load_settings(env=image_settings(target)).settings
    usual = Settings()
    (exposed,) = [one.words() for one in inherited(STAGES, target, "EXPOSE")]
    ports = []
    for given, default in (
        (settings.ingest.endpoint, usual.ingest.endpoint),
        (settings.publish.results, usual.publish.results),
        (settings.publish.events, usual.publish.events),
        (settings.control.endpoint, usual.control.endpoint),
    ):
        ports.append(default.rpartition(":")[2])
        assert given == f"tcp://0.0.0.0:{ports[-1]}"
    assert settings.ingest.attach == "bind"
    assert exposed == ports


@pytest.mark.parametrize("target", TARGETS)
def test_the_program_is_started_without_a_shell_so_that_it_gets_the_signal(target):
    (entry,) = inherited(STAGES, target, "ENTRYPOINT")
    (command,) = inherited(STAGES, target, "CMD")
    (signal,) = inherited(STAGES, target, "STOPSIGNAL")

    assert signal.rest == "SIGTERM"
    assert entry.rest.startswith("[")
    assert command.rest.startswith("[")
    (program,) = entry.words()
    assert PROJECT["scripts"][program] == "scopeside.cli:main"
    assert command.words() == ["serve"]
    understood(command.words())


def test_the_health_check_is_a_command_line_that_exists_and_has_time_enough():
    program, *words = health_check()
    (check,) = inherited(STAGES, "cpu", "HEALTHCHECK")
    seconds = {name: int(text.removesuffix("s")) for name, text in check.options.items()}

    assert program in PROJECT["scripts"]
    assert understood(words).service
    # Twice what the reply may take: the rest is for Python to start on a busy machine.
    assert seconds["timeout"] >= 2 * ANSWER_S
    assert seconds["start-period"] > seconds["interval"] > seconds["timeout"]


def test_the_labels_say_what_the_project_says():
    labels = {}
    for one in inherited(STAGES, "cpu", "LABEL"):
        labels |= one.pairs()
    prefix = "org.opencontainers.image."

    assert labels[f"{prefix}version"] == PROJECT["version"]
    assert labels[f"{prefix}licenses"] == PROJECT["license"]
    assert labels[f"{prefix}description"] == PROJECT["description"]
    assert all(name.startswith(prefix) for name in labels)


def test_the_path_begins_with_the_environment():
    (made,) = [run for run in RUNS if " venv " in run]
    assert environment(STAGES, "cpu")["PATH"].split(":")[0] == f"{made.split()[-1]}/bin"
