"""What a client is told when something is wrong: one shape for all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.classifier import Classifier
from service.errors import InferenceFailed
from service.loading import load_classifier
from service.settings import Settings
from tests.pictures import encode, quarters
from tests.serving import Served, running

PNG = encode(quarters(64, 48), "PNG")


@dataclass(frozen=True)
class Case:
    """A request, and the status and slug that answer it."""

    status: int
    slug: str
    method: str = "POST"
    path: str = "/v1/labels"
    kwargs: dict[str, Any] = field(default_factory=dict)


def raw(content: bytes, media_type: str = "image/png") -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": media_type}}


def form(*contents: bytes, name: str = "file", filename: str = "secreto.png") -> dict[str, Any]:
    return {"files": [(name, (filename, content)) for content in contents]}


CASES = [
    Case(400, "empty-body", kwargs=raw(b"")),
    Case(400, "malformed-multipart", kwargs=raw(b"--x", "multipart/form-data; boundary=x")),
    Case(400, "malformed-multipart", kwargs=raw(b"--x--", "multipart/form-data")),
    Case(404, "not-found", "GET", "/nada"),
    Case(404, "not-found", "GET", "/v1/labels/"),
    Case(404, "not-found", "GET", "/redoc"),
    Case(404, "unknown-model", "GET", "/v1/models/other"),
    Case(405, "method-not-allowed", "GET"),
    Case(405, "method-not-allowed", "DELETE", "/livez"),
    Case(413, "payload-too-large", kwargs=raw(b"x" * 5001)),
    Case(413, "payload-too-large", kwargs=form(b"x" * 5001)),
    Case(413, "payload-too-large", path="/v1/labels/batch", kwargs=form(b"x" * 9000)),
    Case(413, "too-many-files", kwargs=form(PNG, PNG)),
    Case(413, "too-many-files", path="/v1/labels/batch", kwargs=form(*[b"x"] * 4)),
    Case(413, "image-too-large", kwargs=raw(encode(quarters(200, 100), "PNG"))),
    Case(415, "unsupported-media-type", kwargs={"content": PNG}),
    Case(415, "unsupported-media-type", kwargs=raw(PNG, "text/plain")),
    Case(415, "unsupported-media-type", path="/v1/labels/batch", kwargs=raw(PNG)),
    Case(415, "unsupported-image", kwargs=raw(b"<svg/>", "image/svg+xml")),
    Case(415, "unsupported-image", kwargs=form(b"%PDF-1.7")),
    Case(422, "undecodable-image", kwargs=raw(PNG[:60])),
    Case(422, "missing-file", kwargs=form(PNG, name="archivo")),
    Case(422, "missing-file", kwargs=form(b"", filename="")),
    Case(422, "invalid-parameter", path="/v1/labels?top_k=0", kwargs=raw(PNG)),
    Case(422, "invalid-parameter", path="/v1/labels?top_k=11", kwargs=raw(PNG)),
    Case(422, "invalid-parameter", path="/v1/labels?top_k=dos", kwargs=raw(PNG)),
    Case(422, "invalid-parameter", path="/v1/labels?min_score=1.5", kwargs=raw(PNG)),
    Case(422, "invalid-parameter", path="/v1/labels?min_score=nan", kwargs=raw(PNG)),
    Case(422, "invalid-parameter", path="/v1/labels?lang=fr", kwargs=raw(PNG)),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings whose limits small requests can reach."""
    tight = {
        "max_upload_bytes": 5000,
        "max_batch_bytes": 8000,
        "max_batch_files": 3,
        "max_pixels": 10_000,
    }
    return settings.model_copy(update=tight)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.slug}-{case.path}")
async def test_each_problem_has_its_status_its_slug_and_the_one_shape(
    served: Served, case: Case
) -> None:
    response = await served.client.request(case.method, case.path, **case.kwargs)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (
        case.status,
        f"urn:rotulo:problem:{case.slug}",
    )
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["content-language"] == "es"
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == case.status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "secreto" not in response.text
    assert served.value("rotulo_rejections_total", reason=case.slug) == 1


@pytest.mark.parametrize(
    ("path", "accepted", "language"),
    [
        ("/nada", "", "es"),
        ("/nada", "en-GB, es;q=0.5", "en"),
        ("/nada?lang=en", "es", "en"),
        ("/nada?lang=es", "en", "es"),
        ("/nada", "fr, *", "es"),
    ],
)
async def test_a_problem_speaks_the_clients_language(
    served: Served, path: str, accepted: str, language: str
) -> None:
    response = await served.client.get(path, headers={"accept-language": accepted})
    words = {"es": "Esta dirección no existe.", "en": "There is nothing at this address."}
    assert response.json()["detail"] == words[language]
    assert response.headers["content-language"] == language


async def test_a_wrong_parameter_is_told_with_what_it_should_have_been(served: Served) -> None:
    response = await served.client.post("/v1/labels?top_k=0", **raw(PNG))
    assert response.json()["detail"] == "El parámetro «top_k» no es válido. Debe ser al menos 1."


async def test_a_wrong_method_is_told_which_are_right(served: Served) -> None:
    response = await served.client.get("/v1/labels")
    assert response.headers["allow"] == "POST"
    assert "POST" in response.json()["detail"]


class Failing:
    """A classifier whose every run raises."""

    def __init__(self, behind: Classifier, error: Exception) -> None:
        self.manifest, self.provider, self._error = behind.manifest, behind.provider, error
        self.images_per_run = behind.images_per_run

    def run(self, batch: object) -> NDArray[np.float32]:
        raise self._error


@pytest.mark.parametrize("error", [InferenceFailed(), RuntimeError("contraseña 1234")])
async def test_a_model_that_fails_is_a_500_that_quotes_no_exception(
    settings: Settings, error: Exception
) -> None:
    async with running(settings, lambda s: Failing(load_classifier(s), error)) as served:
        response = await served.client.post("/v1/labels", **raw(PNG))
        after = await served.client.get("/livez")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:rotulo:problem:inference-failed"
    assert "1234" not in response.text
    assert after.status_code == 200


async def test_what_nobody_foresaw_is_a_500_of_the_same_shape(served: Served) -> None:
    @served.app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("contraseña 1234")

    response = await served.client.get("/broken")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:rotulo:problem:internal-error"
    assert response.headers["content-type"] == "application/problem+json"
    assert "1234" not in response.text
    assert served.value("rotulo_requests_total", route="/broken", method="GET", status="500") == 1
