"""Objects that a cluster learns from an operator are held against that operator's own schemas.

KEDA's and the Prometheus operator's come as types from the package index. KServe's Python SDK wants
packages that the service's own exclude, so `make audit` unpacks it alone, and its source is read.
"""

from __future__ import annotations

import ast
import copy
from pathlib import Path

import kubernetes_validate
import pytest
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule, ServiceMonitor
from pydantic import BaseModel, ValidationError

from tests.integration.deploy.manifests import Manifest, one

TYPES: dict[str, tuple[str, type[BaseModel]]] = {
    "ScaledObject": ("overlays/gpu", ScaledObject),
    "ServiceMonitor": ("overlays/cpu", ServiceMonitor),
    "PodMonitor": ("kserve", PodMonitor),
    "PrometheusRule": ("overlays/cpu", PrometheusRule),
}


NEWER = {"ScaledObject": ("fallback", "behavior")}
"""Fields of a spec that came after the schemas that this Python can install: KEDA 2.17's."""


def unknown(kind: type[BaseModel], manifest: Manifest) -> bool:
    """Return whether a manifest has a field that its type does not know, and so drops."""
    read = kind.model_validate(manifest)
    return read.model_dump(mode="json", by_alias=True, exclude_unset=True) != manifest


@pytest.mark.parametrize("name", TYPES)
def test_every_field_is_one_that_the_operator_knows(name: str) -> None:
    overlay, kind = TYPES[name]
    manifest = copy.deepcopy(one(overlay, name))
    if name in NEWER:
        part, newer = NEWER[name]
        del manifest["spec"][part][newer]
    assert not unknown(kind, manifest)


def test_a_misspelt_field_and_a_wrong_value_would_be_found() -> None:
    wrong = copy.deepcopy(one("overlays/gpu", "ScaledObject"))
    wrong["spec"]["minReplicas"] = wrong["spec"].pop("minReplicaCount")
    assert unknown(ScaledObject, wrong)
    wrong["spec"]["triggers"] = "prometheus"
    with pytest.raises(ValidationError):
        unknown(ScaledObject, wrong)


def test_the_containers_of_kserve_s_runtime_are_a_pod_s() -> None:
    spec = one("kserve", "ServingRuntime")["spec"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "rotulo"},
        "spec": {name: spec[name] for name in ("containers", "volumes")},
    }
    kubernetes_validate.validate(pod, "1.37", strict=True)


PLAIN: dict[str, type] = {"str": str, "int": int, "bool": bool}
Fields = dict[str, str]


@pytest.fixture(scope="module")
def kserve(root: Path) -> dict[str, Fields]:
    """Return of each type of KServe's SDK its fields, as in YAML, and what each is."""
    types: dict[str, Fields] = {}
    for path in (root / ".venv-audit").glob("lib/*/site-packages/kserve/models/v1*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                told = {
                    ast.unparse(each.targets[0]): ast.literal_eval(each.value)
                    for each in node.body
                    if isinstance(each, ast.Assign)
                }
                spelt = told["attribute_map"]
                types[node.name] = {spelt[k]: v for k, v in told["openapi_types"].items()}
    return types


def strange(value: object, kind: str, types: dict[str, Fields], path: str) -> list[str]:
    """Return what is no field of its type, or no value of it; Kubernetes' own types pass."""
    if isinstance(value, list) and kind.startswith("list["):
        inner = kind.removeprefix("list[").removesuffix("]")
        return [fault for each in value for fault in strange(each, inner, types, f"{path}[]")]
    if isinstance(value, dict) and kind in types:
        return [
            fault
            for name, each in value.items()
            for fault in (
                strange(each, types[kind][name], types, f"{path}.{name}")
                if name in types[kind]
                else [f"{path}.{name}"]
            )
        ]
    fits = isinstance(value, PLAIN[kind]) if kind in PLAIN else kind not in types
    return [] if fits else [f"{path}: no {kind}"]


@pytest.mark.audit
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("InferenceService", "V1beta1InferenceService"),
        ("ServingRuntime", "V1alpha1ServingRuntime"),
    ],
)
def test_every_field_is_one_that_kserve_knows(
    kserve: dict[str, Fields], name: str, kind: str
) -> None:
    manifest = one("kserve", name)
    assert strange(manifest, kind, kserve, name) == []


@pytest.mark.audit
def test_a_field_that_kserve_does_not_know_would_be_found(kserve: dict[str, Fields]) -> None:
    wrong = copy.deepcopy(one("kserve", "InferenceService"))
    predictor = wrong["spec"]["predictor"]
    predictor["minReplica"] = "2"
    predictor["maxReplicas"] = "12"
    predictor["model"]["modelFormat"] = "rotulo"
    found = strange(wrong, "V1beta1InferenceService", kserve, "it")
    assert found == [
        "it.spec.predictor.maxReplicas: no int",
        "it.spec.predictor.model.modelFormat: no V1beta1ModelFormat",
        "it.spec.predictor.minReplica",
    ]
