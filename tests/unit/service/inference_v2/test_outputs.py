"""A familiarity is an output of its own, and never a class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.inference_v2.errors import InvalidInference
from service.inference_v2.outputs import answer, metadata, wanted_outputs
from service.inference_v2.wire import AskedOutput, InferInput, InferRequest
from tests.bundles import knowing, write_bundle

IMAGE = InferInput(name="image", shape=(2,), datatype="BYTES")


def test_a_familiarity_is_told_beside_the_logits(tmp_path: Path) -> None:
    manifest = knowing(write_bundle(tmp_path, classes=3).manifest, accept=1.0, review=0.0)
    evidence = np.array([[1, 2, 3, 0.5], [9, 8, 7, -0.5]], np.float32)
    request = InferRequest(inputs=(IMAGE,))
    told = json.loads(
        bytes(answer(evidence, manifest, request, wanted_outputs(request, manifest)).body)
    )
    found = {output["name"]: output for output in told["outputs"]}
    assert found["familiarity"]["data"] == [0.5, -0.5]
    assert found["familiarity"]["shape"] == [2]
    assert found["logits"]["data"] == [1, 2, 3, 9, 8, 7]
    assert metadata(manifest, ("1",)).outputs[-1].shape == (-1,)
    asked = AskedOutput(name="familiarity", parameters={"classification": 1})
    with pytest.raises(InvalidInference):
        wanted_outputs(InferRequest(inputs=(IMAGE,), outputs=(asked,)), manifest)
