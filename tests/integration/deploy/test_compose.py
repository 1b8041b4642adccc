"""The Compose files are valid, and their parts find each other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml
from compose_spec.models import ComposeSpecification
from pydantic import BaseModel

from service.settings import ENV_PREFIX, Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
FILES = ("compose.yaml", "compose.gpu.yaml")
DIGEST = "sha256:" + "0" * 64


def interpolated(name: str) -> str:
    """Return a file as Compose reads it: a default where there is one, else a digest."""

    def value(match: re.Match[str]) -> str:
        default = match.group("default")
        return DIGEST if default is None else default

    text = (DEPLOY / name).read_text("utf-8")
    return re.sub(r"\$\{\w+(?::-(?P<default>[^}]*)|:\?[^}]*)\}", value, text)


def compose(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(interpolated(name))
    return {key: value for key, value in content.items() if not key.startswith("x-")}


def unknown(given: object, read: object, path: str = "") -> list[str]:
    """Return the keys that the schema has no field for; the types alone would pass them over."""
    if isinstance(given, dict) and isinstance(read, BaseModel):
        fields = {
            name: key
            for key, info in type(read).model_fields.items()
            for name in (key, info.alias, info.validation_alias)
            if isinstance(name, str)
        }
        wrong = [f"{path}.{key}" for key in given if key not in fields]
        return wrong + [
            fault
            for key, value in given.items()
            if key in fields
            for fault in unknown(value, getattr(read, fields[key]), f"{path}.{key}")
        ]
    if isinstance(given, dict) and isinstance(read, dict):
        return [f for key in given for f in unknown(given[key], read.get(key), f"{path}.{key}")]
    if isinstance(given, list) and isinstance(read, list):
        pairs = zip(given, read, strict=True)
        return [f for n, pair in enumerate(pairs) for f in unknown(*pair, f"{path}[{n}]")]
    return []


@pytest.mark.parametrize("name", FILES)
def test_it_is_valid_compose(name: str) -> None:
    content = compose(name)
    assert unknown(content, ComposeSpecification.model_validate(content)) == []
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(content)).validate()


def test_a_misspelt_key_would_be_found() -> None:
    content = {"services": {"rotulo": {"image": "rotulo", "read_onyl": True}}}
    found = unknown(content, ComposeSpecification.model_validate(content))
    assert found == [".services.rotulo.read_onyl"]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose("compose.yaml")["services"]
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_variable_of_the_service_is_a_setting(name: str) -> None:
    given = compose(name)["services"]["rotulo"]["environment"]
    ours = {key.removeprefix(ENV_PREFIX).lower(): value for key, value in given.items()}
    assert set(given) == {ENV_PREFIX + key.upper() for key in ours}
    Settings(host="0.0.0.0", **ours)


def test_every_file_that_is_mounted_is_there(services: dict[str, Any]) -> None:
    mounted = [
        volume.split(":")
        for service in services.values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert len(mounted) == 4
    for source, _, mode in mounted:
        assert (DEPLOY / source).exists(), source
        assert mode == "ro"


def test_prometheus_finds_the_service_and_grafana_finds_both(services: dict[str, Any]) -> None:
    scraping = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    names = {
        (name, found["port"])
        for job in scraping["scrape_configs"]
        for found in job["dns_sd_configs"]
        for name in found["names"]
    }
    assert names == {("rotulo", 8000)}
    assert services["rotulo"]["ports"][0].endswith(":8000")
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    assert services["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]
    (dashboards,) = yaml.safe_load((provisioning / "dashboards" / "rotulo.yml").read_text())[
        "providers"
    ]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert dashboards["options"]["path"] in mounted
    shared = [set(service["networks"]) for service in services.values()]
    assert set.intersection(*shared) >= {"watch"}


def test_nothing_is_published_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_foreign_image_is_pinned_and_nothing_has_rights(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert name == "rotulo" or service["image"].endswith(f"@{DIGEST}")
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_service_has_time_to_say_goodbye_and_to_answer(services: dict[str, Any]) -> None:
    given = services["rotulo"]["environment"]
    leaving = float(given["ROTULO_LAME_DUCK_SECONDS"]) + float(given["ROTULO_DRAIN_SECONDS"])
    assert int(services["rotulo"]["stop_grace_period"].removesuffix("s")) > leaving + 5
