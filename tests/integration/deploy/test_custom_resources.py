"""Objects that a cluster learns from an operator are held against that operator's own schemas.

KEDA's and the Prometheus operator's come as types from the package index. KServe's Python SDK wants
packages that the service's own exclude, so that only the pods of its runtime are checked here.
"""

from __future__ import annotations

import copy

import kubernetes_validate
import pytest
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor
from pydantic import BaseModel, ValidationError

from tests.integration.deploy.manifests import Manifest, one

TYPES: dict[str, tuple[str, type[BaseModel]]] = {
    "ScaledObject": ("overlays/gpu", ScaledObject),
    "ServiceMonitor": ("overlays/cpu", ServiceMonitor),
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
