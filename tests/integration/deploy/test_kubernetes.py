"""The manifests are valid, say what the code knows, and leave time for what it promises."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from service.app import create_app
from service.metrics import Metrics
from service.settings import ENV_PREFIX, Settings
from tests.integration.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    Manifest,
    containers,
    environment,
    one,
    rendered,
    walk,
)

CUSTOM = {
    "ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "ServingRuntime",
    "InferenceService",
}  # fmt: skip
"""Kinds that a cluster learns from an operator; Kubernetes has no schema of them."""

DEPLOYED = OVERLAYS[:3]


def settings_of(overlay: str) -> Settings:
    """Return the settings as the container would read them."""
    given = {
        name.removeprefix(ENV_PREFIX).lower(): value
        for name, value in environment(overlay).items()
        if value
    }
    return Settings(**given)  # type: ignore[arg-type]  # Settings reads text


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid_kubernetes(overlay: str) -> None:
    objects = rendered(overlay)
    assert objects
    for manifest in objects:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, "1.37", strict=True)


def test_a_wrong_object_would_be_found() -> None:
    wrong = one("overlays/cpu", "Service") | {"spec": {"ports": "http"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_a_setting_with_a_value_that_it_takes(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        monkeypatch.delenv(name)
    given = environment(overlay)
    assert {name for name in given if name.startswith(ENV_PREFIX)} == set(given)
    assert settings_of(overlay).host == "0.0.0.0"
    with pytest.raises(ValidationError):
        Settings(prot=8000)  # type: ignore[call-arg]  # a misspelt one is found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_port_is_the_one_that_the_service_listens_on(overlay: str) -> None:
    names = set()
    for _, container in containers(overlay):
        (port,) = container["ports"]
        assert port["containerPort"] == settings_of(overlay).port
        names |= {port["name"], port["containerPort"]}
    assert names
    for manifest in rendered(overlay):
        for node in walk(manifest):
            for target in (node.get("targetPort"), node.get("httpGet", {}).get("port")):
                assert target is None or target in names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_path_is_a_route(overlay: str) -> None:
    schema = create_app(Settings(), registry=CollectorRegistry()).openapi()
    known = {path for path, methods in schema["paths"].items() if "get" in methods}
    nodes = [node for manifest in rendered(overlay) for node in walk(manifest)]
    probed = {node["httpGet"]["path"] for node in nodes if "httpGet" in node}
    assert {"/livez", "/readyz"} <= probed
    assert probed | {endpoint["path"] for endpoint in scraped(overlay)} <= known


def scraped(overlay: str) -> list[Manifest]:
    """Return what Prometheus is told to scrape."""
    kinds = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}
    return [
        endpoint
        for manifest in rendered(overlay)
        if manifest["kind"] in kinds
        for endpoint in manifest["spec"][kinds[manifest["kind"]]]
    ]


@pytest.mark.parametrize("overlay", ["overlays/cpu", "overlays/gpu", "kserve"])
def test_prometheus_finds_the_port_and_has_a_key_where_metrics_are_closed(overlay: str) -> None:
    names = {
        port["name"]
        for manifest in rendered(overlay)
        for node in walk(manifest)
        for port in node.get("ports", ())
        if isinstance(port, dict) and "name" in port
    }
    assert "metrics" not in (settings_of(overlay).open or ())
    (endpoint,) = scraped(overlay)
    assert endpoint["port"] in names
    assert endpoint["authorization"]["credentials"] == {"name": "rotulo-metrics-key", "key": "key"}


def test_every_metric_of_the_autoscalers_exists() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    known = {sample.name for metric in registry.collect() for sample in metric.samples}
    scaled = one("overlays/gpu", "ScaledObject")["spec"]["triggers"]
    named = {
        metric["pods"]["metric"]["name"]
        for metric in one("overlays/cpu", "HorizontalPodAutoscaler")["spec"]["metrics"]
        if metric["type"] == "Pods"
    }
    for trigger in scaled:
        named |= set(re.findall(r"rotulo_\w+", trigger["metadata"]["query"]))
    assert {"rotulo_queue_depth", "rotulo_images_in_flight_bound"} <= named
    assert named <= known


def test_every_rule_and_every_dashboard_arrives_in_the_cluster() -> None:
    groups = one("overlays/cpu", "PrometheusRule")["spec"]["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    runbooks = {path.stem for path in (KUBERNETES.parents[1] / "docs" / "runbooks").glob("*.md")}
    assert alerts == runbooks
    (dashboards,) = (
        manifest["data"]
        for manifest in rendered("overlays/cpu")
        if manifest["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    )
    written = (KUBERNETES.parent / "grafana" / "dashboards").glob("*.json")
    assert {name: json.loads(text) for name, text in dashboards.items()} == {
        path.name: json.loads(path.read_text("utf-8")) for path in written
    }


def test_only_one_autoscaler_owns_the_replicas() -> None:
    for overlay in DEPLOYED:
        kinds = [manifest["kind"] for manifest in rendered(overlay)]
        scalers = kinds.count("HorizontalPodAutoscaler") + kinds.count("ScaledObject")
        fixed = "replicas" in one(overlay, "Deployment")["spec"]
        assert scalers + fixed == 1


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_time_to_say_goodbye_and_to_answer(overlay: str) -> None:
    settings = settings_of(overlay)
    leaving = settings.lame_duck_seconds + settings.drain_seconds
    graces = [
        node["terminationGracePeriodSeconds"]
        for manifest in rendered(overlay)
        for node in walk(manifest)
        if "terminationGracePeriodSeconds" in node
    ]
    assert graces
    assert all(grace > leaving + 5 for grace in graces)


@pytest.mark.parametrize("overlay", ["overlays/cpu", "overlays/gpu", "kserve"])
def test_a_pod_is_out_of_rotation_before_it_closes_its_port(overlay: str) -> None:
    for _, container in containers(overlay):
        probe = container["readinessProbe"]
        noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
        assert noticed < settings_of(overlay).lame_duck_seconds


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_container_has_no_rights(overlay: str) -> None:
    """The restricted profile of Pod Security, and a tree that nobody writes to."""
    for pod, container in containers(overlay):
        own = pod.get("securityContext", {}) | container["securityContext"]
        assert own["runAsNonRoot"] is True
        assert own["runAsUser"] == 10001
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]["limits"]) >= {"cpu", "memory"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_stands_in_a_manifest(overlay: str) -> None:
    assert [manifest for manifest in rendered(overlay) if manifest["kind"] == "Secret"] == []


def test_a_service_s_link_never_becomes_a_setting() -> None:
    """Kubernetes would set ROTULO_PORT to tcp://… for a Service called rotulo."""
    for overlay in DEPLOYED:
        assert one(overlay, "Service")["metadata"]["name"] == "rotulo"
        pod = one(overlay, "Deployment")["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False


def test_the_gpu_overlay_asks_for_a_gpu_and_accepts_nothing_less() -> None:
    ((_, container),) = containers("overlays/gpu")
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert settings_of("overlays/gpu").provider == "cuda"


def test_kserve_speaks_the_protocol_that_the_runtime_offers() -> None:
    runtime = one("kserve", "ServingRuntime")["spec"]
    model = one("kserve", "InferenceService")["spec"]["predictor"]["model"]
    assert model["protocolVersion"] in runtime["protocolVersions"]
    assert model["modelFormat"]["name"] in {f["name"] for f in runtime["supportedModelFormats"]}
    assert model["runtime"] == one("kserve", "ServingRuntime")["metadata"]["name"]


def test_every_file_is_part_of_what_is_rendered() -> None:
    named: set[Path] = set()
    for path in KUBERNETES.rglob("kustomization.yaml"):
        content: Manifest = yaml.safe_load(path.read_text("utf-8"))
        listed = [*content.get("resources", ()), *content.get("components", ())]
        listed += [patch["path"] for patch in content.get("patches", ()) if "path" in patch]
        named |= {(path.parent / name).resolve() for name in listed}
    files = {path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert files - named == set()


@pytest.mark.audit
def test_checkov_has_nothing_to_say(root: Path, tmp_path: Path) -> None:
    """`make audit` sets checkov up, in an environment of its own."""
    checkov = root / ".venv-audit" / "bin" / "checkov"
    for overlay in OVERLAYS:
        name = overlay.replace("/", "-")
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(rendered(overlay)), "utf-8")
    asked = ["--framework", "kubernetes", "--skip-download", "--output", "json"]
    finished = subprocess.run(
        [checkov, "--directory", tmp_path, *asked], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    summary = json.loads(finished.stdout)["summary"]
    assert (summary["failed"], summary["parsing_errors"]) == (0, 0)
    assert summary["passed"] > 50 * len(OVERLAYS)
