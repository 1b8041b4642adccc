"""What the page ``/docs`` says: the OpenAPI document as a person reads it.

Operations, parameters and tags are told in the reader's language, by the catalogue's words for them
(``api.…``); the document's own, in English, are for programs.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from service.embedding import EXAMPLE_SITE
from service.errors import MethodNotAllowed, NotFound, RotuloError
from service.examples import example_problem
from service.i18n import Catalogue
from service.openapi import JSON_TYPE, RETRIES, operations

_AGAIN: Final[Mapping[int, str]] = MappingProxyType({408: "yes", 504: "yes"})
_FIRST_ERROR: Final = "400"
_IMAGE_HEADER: Final = "Content-Type: image/jpeg"


@dataclass(frozen=True, slots=True)
class ParameterView:
    """One parameter: which values it takes, and what without it."""

    name: str
    required: bool
    values: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One problem that an operation may answer."""

    status: int
    slug: str
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class OperationView:
    """One operation, with an example of its request and of its answer."""

    name: str
    method: str
    path: str
    title: str
    text: str
    parameters: tuple[ParameterView, ...]
    media_types: tuple[str, ...]
    request: str
    status: str
    answer: str
    problems: tuple[ProblemRow, ...]


@dataclass(frozen=True, slots=True)
class TagView:
    """Operations that belong together."""

    name: str
    title: str
    operations: tuple[OperationView, ...]


def reference(document: Mapping[str, Any], t: Catalogue) -> tuple[TagView, ...]:
    """Return the operations of an OpenAPI document of ours, by tag, in the document's order.

    Raises:
        KeyError: the catalogue has no words for something in it.
    """
    found: dict[str, list[OperationView]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append(_operation(path, method, operation, t))
    return tuple(
        TagView(name, t.text(f"api.tag.{name}"), tuple(found[name]))
        for tag in document["tags"]
        if found[name := tag["name"]]
    )


def kinds_of_problems() -> dict[str, type[RotuloError]]:
    """Return every kind of problem by its slug, the tree's order kept."""

    def family(kind: type[RotuloError]) -> Iterator[type[RotuloError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from family(child)

    return {kind.slug: kind for kind in family(RotuloError) if kind.__module__[:8] == "service."}


def problems_table(document: dict[str, Any]) -> str:
    """Return every problem of the API as a Markdown table, by status, in English."""
    kinds = kinds_of_problems()
    anywhere = {NotFound.slug, MethodNotAllowed.slug}
    told = anywhere | {slug for one in operations(document) for slug in _slugs(one)}
    lines = ["| Status | `type` after `urn:rotulo:problem:` | What happened | Again? |"]
    lines.append("|---|---|---|---|")
    for kind in sorted((kinds[slug] for slug in told), key=lambda kind: (kind.status, kind.slug)):
        again = "after `Retry-After`" if kind.status in RETRIES else _AGAIN.get(kind.status, "no")
        words = example_problem(kind, "en").detail
        lines.append(f"| {kind.status} | `{kind.slug}` | {words} | {again} |")
    return "\n".join(lines) + "\n"


def _slugs(operation: dict[str, Any]) -> Iterator[str]:
    for status, response in operation["responses"].items():
        if status >= _FIRST_ERROR:
            for body in response["content"].values():
                yield from body.get("examples", ())


def _operation(path: str, method: str, operation: dict[str, Any], t: Catalogue) -> OperationView:
    name = operation["operationId"]
    content = operation.get("requestBody", {}).get("content", {})
    status, answer = next(iter(operation["responses"].items()))
    return OperationView(
        name=name,
        method=method.upper(),
        path=path,
        title=t.text(f"api.{name}.title"),
        text=t.text(f"api.{name}.text"),
        parameters=tuple(_parameter(one, t) for one in operation.get("parameters", ())),
        media_types=tuple(content),
        request=_command(path, method, operation, content),
        status=status,
        answer=_shown(answer.get("content", {})),
        problems=tuple(_problems(operation, t)),
    )


def _parameter(parameter: dict[str, Any], t: Catalogue) -> ParameterView:
    schema = parameter["schema"]
    default = schema.get("default")
    return ParameterView(
        name=parameter["name"],
        required=parameter.get("required", False),
        values=_values(schema),
        default="" if default is None else str(default),
        meaning=t.text(f"api.parameter.{parameter['name']}"),
    )


def _values(schema: dict[str, Any]) -> str:
    """Return which values a schema takes, in signs that need no language."""
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"{least:g}–{most:g}"
    return "" if least is None else f"≥ {least:g}"


def _command(path: str, method: str, operation: dict[str, Any], content: Mapping[str, Any]) -> str:
    """Return the curl command of an operation, as its document describes it."""
    filled = path
    for parameter in operation.get("parameters", ()):
        filled = filled.replace("{" + parameter["name"] + "}", _sample(parameter))
    words = ["curl"]
    if "image/*" in content:
        words += ["--header", _IMAGE_HEADER, "--data-binary", "@foto.jpg"]
    elif JSON_TYPE in content:
        words += ["--json", json.dumps(content[JSON_TYPE]["example"], ensure_ascii=False)]
    elif "multipart/form-data" in content:
        words += ["--form", "file=@una.jpg", "--form", "file=@otra.png"]
    elif method != "get":
        words += ["--request", method.upper()]
    return shlex.join([*words, EXAMPLE_SITE + filled])


def _sample(parameter: dict[str, Any]) -> str:
    return str(parameter.get("example") or parameter["schema"].get("examples", ["cifar10"])[0])


def _shown(content: Mapping[str, Any]) -> str:
    for body in content.values():
        example = body.get("example", "")
        if isinstance(example, str):
            return example
        return json.dumps(example, ensure_ascii=False, indent=2)
    return ""


def _problems(operation: dict[str, Any], t: Catalogue) -> Iterator[ProblemRow]:
    kinds = kinds_of_problems()
    for slug in _slugs(operation):
        told = example_problem(kinds[slug], t.lang)
        yield ProblemRow(told.status, slug, told.title, told.detail)
