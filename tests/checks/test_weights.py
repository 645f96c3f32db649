from scopeside.checkpoints.locate import checkpoint
from scopeside.checks.weights import weights
from scopeside.configuration import load_settings


def looked(*sets):
    return weights(load_settings(sets=sets).settings)


def test_what_is_built_in_is_there():
    finding = looked()
    assert finding.ok
    assert finding.value == "builtin, part of the package"


def test_a_name_that_was_not_fetched_is_not_ok_and_says_how(tmp_path):
    finding = looked("embed.weights=micronet", f"service.cache={tmp_path}")
    assert finding.ok is False
    assert "scopeside weights fetch micronet" in finding.value
    assert finding.fix


def test_a_name_that_is_in_the_cache_is_ok(tmp_path):
    path = checkpoint("micronet", cache=tmp_path).path
    path.parent.mkdir()
    path.write_bytes(b"")
    finding = looked("embed.weights=micronet", f"service.cache={tmp_path}")
    assert finding.ok
    assert finding.value == f"micronet, {path}"


def test_a_file_that_is_absent_and_a_name_that_nobody_knows_are_not_ok(tmp_path):
    assert looked(f"embed.weights={tmp_path}/mine.pth").ok is False
    assert "Did you mean 'micronet'?" in looked("embed.weights=micronte").value


def test_the_null_backend_needs_none():
    assert looked("embed.backend=null", "embed.weights=micronet").ok is None
