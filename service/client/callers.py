"""The two clients: one that waits, and its twin for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

import httpx

from . import exchange
from .answers import Correction, Explanation, Labelling, ModelSummary
from .errors import ClientError, Problem, Retries
from .exchange import Call, Image, Lang


class Rotulo:
    """The service at an address; safe to share between threads, closed after a ``with``."""

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retries: Retries = Retries(),  # noqa: B008  # frozen
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the address, a key where the service asks for one, and seconds for each call."""
        self._retries = retries
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=address, timeout=timeout, headers=exchange.headers(key), transport=transport
        )

    def label(
        self,
        image: Image,
        *,
        top_k: int | None = None,
        min_score: float | None = None,
        lang: Lang = "es",
    ) -> Labelling:
        """Return what the model says about one image."""
        call = exchange.label_call(image, top_k, min_score, lang)
        return exchange.labelling(self._send(call))

    def label_many(
        self,
        images: Iterable[Image],
        *,
        top_k: int | None = None,
        min_score: float | None = None,
        lang: Lang = "es",
    ) -> tuple[Labelling | Problem, ...]:
        """Return an item for each image of one request, in their order; a bad one is a Problem."""
        call = exchange.batch_call(images, top_k, min_score, lang)
        return exchange.items(self._send(call))

    def explain(self, image: Image, *, label: str | None = None, lang: Lang = "es") -> Explanation:
        """Return on which parts of an image a label rests, the best one where none is named."""
        call = exchange.explain_call(image, label, lang)
        return exchange.explanation(self._send(call))

    def correct(
        self,
        labelling: Labelling,
        label: str,
        *,
        comment: str | None = None,
        consented_image: Image | None = None,
    ) -> Correction:
        """Say which label of an answer is right, by its id, or ``none``; again replaces it.

        The image is given along only where its sender agrees that the service stores it.
        """
        call = exchange.correct_call(labelling, label, comment, consented_image)
        return exchange.correction(self._send(call))

    def models(self) -> tuple[ModelSummary, ...]:
        """Return the models in service."""
        return exchange.models(self._send(exchange.models_call()))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, call: Call) -> Any:  # noqa: ANN401  # JSON
        attempt = 0
        while True:
            attempt += 1
            try:
                with exchange.connection():
                    response = self._http.request(**call)
                return exchange.answered(response)
            except ClientError as failure:
                wait = self._retries.wait_after(attempt, failure)
                if wait is None:
                    raise
            self._sleep(wait)


class AsyncRotulo:
    """The service at an address, for asyncio; closed after an ``async with``."""

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retries: Retries = Retries(),  # noqa: B008  # frozen
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the address, a key where the service asks for one, and seconds for each call."""
        self._retries = retries
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=address, timeout=timeout, headers=exchange.headers(key), transport=transport
        )

    async def label(
        self,
        image: Image,
        *,
        top_k: int | None = None,
        min_score: float | None = None,
        lang: Lang = "es",
    ) -> Labelling:
        """Return what the model says about one image."""
        call = exchange.label_call(image, top_k, min_score, lang)
        return exchange.labelling(await self._send(call))

    async def label_many(
        self,
        images: Iterable[Image],
        *,
        top_k: int | None = None,
        min_score: float | None = None,
        lang: Lang = "es",
    ) -> tuple[Labelling | Problem, ...]:
        """Return an item for each image of one request, in their order; a bad one is a Problem."""
        call = exchange.batch_call(images, top_k, min_score, lang)
        return exchange.items(await self._send(call))

    async def explain(
        self, image: Image, *, label: str | None = None, lang: Lang = "es"
    ) -> Explanation:
        """Return on which parts of an image a label rests, the best one where none is named."""
        call = exchange.explain_call(image, label, lang)
        return exchange.explanation(await self._send(call))

    async def correct(
        self,
        labelling: Labelling,
        label: str,
        *,
        comment: str | None = None,
        consented_image: Image | None = None,
    ) -> Correction:
        """Say which label of an answer is right, by its id, or ``none``; again replaces it.

        The image is given along only where its sender agrees that the service stores it.
        """
        call = exchange.correct_call(labelling, label, comment, consented_image)
        return exchange.correction(await self._send(call))

    async def models(self) -> tuple[ModelSummary, ...]:
        """Return the models in service."""
        return exchange.models(await self._send(exchange.models_call()))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send(self, call: Call) -> Any:  # noqa: ANN401  # JSON
        attempt = 0
        while True:
            attempt += 1
            try:
                with exchange.connection():
                    response = await self._http.request(**call)
                return exchange.answered(response)
            except ClientError as failure:
                wait = self._retries.wait_after(attempt, failure)
                if wait is None:
                    raise
            await self._sleep(wait)
