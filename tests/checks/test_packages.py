from importlib import metadata

from scopeside.checks.packages import packages


def test_base_and_engine_are_looked_up_and_test_tools_are_not(monkeypatch):
    required = ["numpy>=1.26", 'rich>=13.8; extra == "cpu"', 'pytest>=8; extra == "test"']
    monkeypatch.setattr(metadata, "requires", lambda name: required)
    found = {finding.name: finding for finding in packages()}
    assert set(found) == {"numpy", "rich"}
    assert found["numpy"].value == metadata.version("numpy")
    assert found["numpy"].ok


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    required = [
        "no-such-package-here>=2",
        'neither-is-this[with,extras]>=0.7,<2; extra == "cpu"',
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: required)
    base, engine = packages()
    assert (base.name, base.value) == ("no-such-package-here", "missing, needs >=2")
    assert (base.ok, base.fix) == (False, "pip install scopeside")
    assert engine.name == "neither-is-this"
    assert engine.fix == "pip install 'scopeside[cpu]'"


def test_a_folder_that_is_not_installed_is_said_to_be_so(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)
    (only,) = packages()
    assert only.ok is False
    assert "pip install" in only.fix
