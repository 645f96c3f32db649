"""What can be known of the compose file without an engine that runs it."""

import re
from urllib.parse import urlsplit

import pytest
import yaml

from containers import COMPOSE, EVERY, SERVICES, STAGES, service_settings, understood
from doc_snippets import ROOT
from dockerfile_reader import inherited
from scopeside import configuration

KINDS = {
    "serve": ["service", "service-gpu"],
    "simulate": ["microscope", "microscope-gpu"],
    "twin": ["twin"],
}
PAIRS = [*zip(KINDS["serve"], KINDS["simulate"], strict=True), ("service", "twin")]


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
    if microscope != "twin":  # which is named, and so started, beside a service of no profile
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
    ports = [port.rpartition(":")[0] for one in EVERY.values() for port in one.get("ports", ())]
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


@pytest.mark.parametrize("name", EVERY)
def test_no_container_may_do_more_than_it_needs(name):
    service = EVERY[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"user", "privileged", "cap_add"} & set(service)
    # Prometheus shares the network of the service, and nobody that of the host.
    assert service.get("network_mode") == ("service:service" if name == "prometheus" else None)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


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


def mounts(name):
    """What a service mounts of this repository: its path there, by its path in the container."""
    return {
        target: ROOT / source
        for source, target, *_ in (volume.split(":") for volume in EVERY[name]["volumes"])
        if source.startswith("./")
    }


def test_images_of_others_are_pinned_and_get_files_that_exist_read_only():
    others = set(EVERY) - set(SERVICES)
    assert others == {"prometheus", "grafana"}
    for name in others:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", EVERY[name]["image"])
        assert EVERY[name]["profiles"] == ["monitoring"]
        assert all(path.is_file() for path in mounts(name).values())
        assert all(one.endswith(":ro") for one in EVERY[name]["volumes"] if one.startswith("./"))
        named = {one.split(":")[0] for one in EVERY[name]["volumes"] if not one.startswith("./")}
        assert named <= set(COMPOSE["volumes"])


def test_prometheus_asks_the_service_where_it_answers_and_has_its_alerts():
    files = mounts("prometheus")
    prometheus = yaml.safe_load(files["/etc/prometheus/prometheus.yml"].read_text())
    ((target,),) = [one["targets"] for one in prometheus["scrape_configs"][0]["static_configs"]]
    http = configuration.load_settings(env=service_settings("service")).settings.http
    assert http.endpoint == f"http://{target}"
    assert prometheus["rule_files"] == ["/etc/prometheus/alerts.yml"]
    assert files["/etc/prometheus/alerts.yml"].name == "prometheus-alerts.yml"


def test_grafana_finds_prometheus_in_the_services_network_and_the_dashboard():
    files = mounts("grafana")
    provisioning = "/etc/grafana/provisioning"
    sources = yaml.safe_load(files[f"{provisioning}/datasources/scopeside.yml"].read_text())
    (source,) = sources["datasources"]
    where = EVERY["prometheus"]["network_mode"].removeprefix("service:")
    assert urlsplit(source["url"]).hostname == where
    boards = yaml.safe_load(files[f"{provisioning}/dashboards/scopeside.yml"].read_text())
    home = EVERY["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(boards["providers"][0]["options"]["path"])
    assert files[home].name == "grafana-dashboard.json"


def test_grafana_has_no_account_whose_password_everybody_knows():
    variables = EVERY["grafana"]["environment"]
    assert variables["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert variables["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_the_page_of_a_container_is_this_machines_alone_and_takes_a_token():
    page = yaml.safe_load((ROOT / "deploy/compose-page.yaml").read_text(encoding="utf-8"))
    service, prometheus = page["services"]["service"], page["services"]["prometheus"]
    assert page["services"].keys() <= EVERY.keys()
    http = configuration.load_settings(
        env=service_settings("service") | service["environment"]
    ).settings.http
    assert service["ports"] == [f"127.0.0.1:{http.port}:{http.port}"]
    assert not http.on_loopback  # that of the container, which nobody reaches
    (secret,) = page["secrets"]
    assert service["secrets"] == prometheus["secrets"] == [secret]
    assert str(http.token_file) == f"/run/secrets/{secret}"

    (mount,) = prometheus["volumes"]
    file, _, place = mount.partition(":")
    assert place in [one.partition(":")[2] for one in EVERY["prometheus"]["volumes"]]
    asked = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    (scrape,) = asked["scrape_configs"]
    assert scrape.pop("authorization") == {"credentials_file": str(http.token_file)}
    assert asked == yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text(encoding="utf-8"))
