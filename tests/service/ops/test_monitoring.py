"""The dashboard shows what the service counts, all of it and nothing else; its containers are hardened."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DASHBOARD = json.loads((ROOT / "docker/grafana/dashboards/pag.json").read_text())
METRIC = re.compile(r"\b(?:pag|http|process|python)_[a-z_]+\b")
SUFFIX = re.compile(r"_(bucket|sum|count|total)$")


def shown() -> set[str]:
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return {name for expression in expressions for name in METRIC.findall(expression)}


def kinds() -> dict[str, str]:
    # With labels or without: a metric is declared even before it has a value.
    lines = Metrics().render().decode().splitlines()
    return {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE ")}


def test_every_metric_shown_exists() -> None:
    declared = kinds()
    for name in shown():
        family = name if name in declared else SUFFIX.sub("", name)
        assert family in declared, name
        assert (declared[family] == "histogram") == (name != family)


def test_every_metric_of_ours_is_shown() -> None:
    families = {SUFFIX.sub("", name) for name in shown()}
    ours = {name for name in kinds() if name.startswith(("pag_", "http_")) and not name.endswith("_created")}
    assert {SUFFIX.sub("", name) for name in ours} <= families


def test_histograms_are_read_by_their_buckets() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            quantile = "histogram_quantile" in target["expr"]
            assert quantile == ("_bucket" in target["expr"])
            assert not quantile or re.search(r"by \(le\b", target["expr"])
            assert target["expr"].count("(") == target["expr"].count(")")


def test_panels_do_not_overlap_and_read_the_provisioned_source() -> None:
    source = yaml.safe_load((ROOT / "docker/grafana/provisioning/datasources/prometheus.yml").read_text())
    places = set()
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"]["uid"] == source["datasources"][0]["uid"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & places
        assert place["x"] + place["w"] <= 24
        places |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_scrapes_the_service() -> None:
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["service:8000"]
    assert "service" in COMPOSE["services"]


def test_what_is_provisioned_is_mounted() -> None:
    files = yaml.safe_load((ROOT / "docker/grafana/provisioning/dashboards/files.yml").read_text())
    mounts = dict(
        volume.removesuffix(":ro").split(":", 1) for volume in COMPOSE["services"]["grafana"]["volumes"]
    )
    assert mounts["./docker/grafana/dashboards"] == files["providers"][0]["options"]["path"]
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            if volume.startswith("./"):
                assert volume.endswith(":ro")
                assert (ROOT / volume.split(":")[0]).is_dir()


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_containers_are_hardened(name: str) -> None:
    service: dict[str, Any] = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
    assert re.search(r":[a-z0-9.]+$", service["image"])
    assert not service["image"].endswith(":latest")


def test_ports_are_published_on_the_loopback_unless_told_otherwise() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service["ports"]]
    assert all(port.startswith(("127.0.0.1:", "${PAG_PUBLISH:-127.0.0.1}:")) for port in ports)


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_monitoring_is_asked_for_and_stays_on_this_machine(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["profiles"] == ["monitoring"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert not service["user"].startswith("0")


def test_nobody_logs_in_to_grafana() -> None:
    told = COMPOSE["services"]["grafana"]["environment"]
    assert told["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert told["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert not any("PASSWORD" in name for name in told)


def test_the_version_is_written_once_and_labelled_right() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'org.opencontainers.image.version="{version}"' in (ROOT / "Dockerfile").read_text()
