"""What can be known of the compose file without an engine that runs it."""

from urllib.parse import urlsplit

import pytest

from containers import COMPOSE, SERVICES, STAGES, service_settings, understood
from dockerfile_reader import inherited
from scopeside import configuration

KINDS = {"serve": ["service", "service-gpu"], "simulate": ["microscope", "microscope-gpu"]}
PAIRS = list(zip(KINDS["serve"], KINDS["simulate"], strict=True))


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_is_taken_by_the_real_parser(name):
    words = SERVICES[name]["command"]
    assert name in KINDS[words[0]]
    understood(words)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_built_from_a_target_that_exists_under_a_name_that_says_which(name):
    target = SERVICES[name]["build"]["target"]
    assert target in STAGES
    assert SERVICES[name]["image"] == f"scopeside:{target}"


@pytest.mark.parametrize("name", SERVICES)
def test_build_arguments_are_those_of_the_dockerfile(name):
    known = {arg for stage in STAGES.values() for one in stage.all("ARG") for arg in one.pairs()}
    assert set(SERVICES[name]["build"].get("args", {})) <= known


@pytest.mark.parametrize("name", SERVICES)
def test_settings_in_the_environment_exist_and_are_allowed(name):
    variables = service_settings(name)
    chosen = configuration.load_settings(env=variables)
    taken = [source for source in chosen.sources.values() if source != "default"]
    assert sorted(taken) == sorted(f"environment {variable}" for variable in variables)


@pytest.mark.parametrize(("service", "microscope"), PAIRS)
def test_one_binds_and_the_other_connects_to_it_by_its_name_and_port(service, microscope):
    ingest = configuration.load_settings(env=service_settings(service)).settings.ingest
    sender = understood(SERVICES[microscope]["command"])

    assert {ingest.attach, sender.attach} == {"bind", "connect"}
    assert ingest.attach == "bind"
    assert urlsplit(sender.to).hostname == service
    assert urlsplit(sender.to).port == urlsplit(ingest.endpoint).port
    assert {"pub": "sub", "push": "pull"}[sender.socket] == ingest.socket


@pytest.mark.parametrize(("service", "microscope"), PAIRS)
def test_the_microscope_waits_for_a_healthy_service_in_the_same_profile(service, microscope):
    assert SERVICES[microscope]["depends_on"] == {service: {"condition": "service_healthy"}}
    assert SERVICES[service].get("profiles") == SERVICES[microscope].get("profiles")
    # Without the image's check, a service would never be called healthy.
    assert "healthcheck" not in SERVICES[service]
    assert SERVICES[microscope]["healthcheck"] == {"disable": True}


@pytest.mark.parametrize("name", KINDS["serve"])
def test_ports_that_the_service_binds_are_published_to_this_machine_alone(name):
    settings = configuration.load_settings(env=service_settings(name)).settings
    publish = settings.publish
    bound = {urlsplit(one).port for one in (publish.results, publish.events)}
    bound.add(urlsplit(settings.control.endpoint).port)
    published = [port.split(":") for port in SERVICES[name]["ports"]]

    assert {int(inside) for _, _, inside in published} == bound
    assert {address for address, _, _ in published} == {"127.0.0.1"}


def test_no_two_services_publish_the_same_port_or_share_a_cache():
    ports = [port.rpartition(":")[0] for one in SERVICES.values() for port in one.get("ports", ())]
    caches = [volume for one in SERVICES.values() for volume in one.get("volumes", ())]
    assert len(set(ports)) == len(ports) > 0
    assert len(set(caches)) == len(caches) > 0


@pytest.mark.parametrize("name", KINDS["serve"])
def test_the_cache_is_a_named_volume_at_the_images_volume(name):
    (volume,) = SERVICES[name]["volumes"]
    source, _, target = volume.partition(":")
    (declared,) = inherited(STAGES, SERVICES[name]["build"]["target"], "VOLUME")
    assert source in COMPOSE["volumes"]
    assert target == declared.rest


@pytest.mark.parametrize("name", KINDS["serve"])
def test_a_service_is_given_the_time_to_drain_before_it_is_killed(name):
    settings = configuration.load_settings(env=service_settings(name)).settings
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > settings.service.drain_s


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_may_do_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"user", "privileged", "cap_add", "network_mode"} & set(service)


def test_the_gpu_is_reserved_in_its_profile_alone_and_must_be_there():
    for name, service in SERVICES.items():
        devices = service.get("deploy", {}).get("resources", {}).get("reservations", {})
        if name == "service-gpu":
            (device,) = devices["devices"]
            assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
            assert service["profiles"] == ["gpu"]
            assert service["build"]["target"] == "gpu"
            assert service_settings(name)["SCOPESIDE_DEVICE"] == "cuda"
        else:
            assert devices == {}
