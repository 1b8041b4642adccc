"""What one running application holds: its bounds, its metrics, its model, and how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from starlette.requests import HTTPConnection

from service.access import Access
from service.admission import Admission
from service.classifier import Classifier
from service.errors import NotReady, UnknownModel
from service.explain import Explainer
from service.feedback.recorder import FeedbackRecorder
from service.labeller import Labeller
from service.metrics import Metrics
from service.settings import Settings
from service.wording import Wording

ClassifierFactory = Callable[[Settings], Classifier]
"""Gives a warm classifier; called once, in a thread. What it raises ends the start."""

LOADING: Final = Wording("el modelo se está cargando", "the model is loading")
FAILED: Final = Wording("el modelo no se pudo cargar", "the model could not be loaded")
LEAVING: Final = Wording("el servicio se está deteniendo", "the service is stopping")

_RETRY_WITHOUT_MODEL: Final = 1.0
_log = structlog.get_logger()


class ServiceState:
    """The state of one application; belongs to its event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.admission = Admission(
            max_images=settings.max_images_in_flight,
            max_bytes=settings.max_bytes_in_flight,
            retry_after=self._retry_after,
        )
        self.explainer = Explainer(settings, self.admission, metrics)
        self.feedback = (
            FeedbackRecorder(settings, metrics.registry) if settings.feedback_url else None
        )
        self.access = Access(settings, metrics.access)
        self.failure: Exception | None = None
        self.leaving = False
        self.settled = asyncio.Event()
        """Set once the model is warm or could not be loaded."""
        self._labeller: Labeller | None = None
        metrics.queue_bound.set(settings.max_queue)
        metrics.images_bound.set(settings.max_images_in_flight)
        metrics.bytes_bound.set(settings.max_bytes_in_flight)
        metrics.watch(
            images=lambda: self.admission.images,
            held=lambda: self.admission.bytes,
            ready=lambda: int(self.obstacle is None),
        )

    @property
    def labeller(self) -> Labeller:
        """Return what labels images.

        Raises:
            NotReady: there is none yet.
        """
        if self._labeller is None:
            raise NotReady(self.obstacle)
        return self._labeller

    @property
    def obstacle(self) -> Wording | None:
        """Return why no new client should come here; None while ready."""
        if self.leaving:
            return LEAVING
        if self.failure is not None:
            return FAILED
        return LOADING if self._labeller is None else None

    def model(self, name: str) -> Labeller:
        """Return the labeller of a model by its name.

        Raises:
            NotReady: nothing is loaded yet.
            UnknownModel: no model of this name is in service.
        """
        labeller = self.labeller
        if labeller.manifest.name != name:
            raise UnknownModel
        return labeller

    def start(self) -> None:
        """Begin what runs beside the requests."""
        if self.feedback is not None:
            self.feedback.start()

    async def load(self, factory: ClassifierFactory) -> None:
        """Load and warm the model in a thread, and be ready; a failure is kept in ``failure``."""
        try:
            classifier = await asyncio.to_thread(factory, self.settings)
            labeller = Labeller(classifier, self.settings, self.admission, self.metrics)
            await labeller.start()
        except Exception as error:  # noqa: BLE001  # whatever it is, the service cannot serve
            self.failure = error
            self.settled.set()
            return
        manifest = labeller.manifest
        self.metrics.models.describe(manifest, labeller.provider)
        self._labeller = labeller
        self.settled.set()
        _log.info(
            "ready", model=manifest.name, version=manifest.version, provider=labeller.provider
        )

    def hang_up(self) -> None:
        """Do what SIGHUP asks for: read again whatever is read from files."""
        self.access.refresh_keys(force=True)

    async def drain(self) -> None:
        """Answer what was taken in, and stop labelling."""
        self.leaving = True
        if self._labeller is not None:
            await self._labeller.drain()
        if self.feedback is not None:
            await self.feedback.drain()
        await self.access.close()

    def _retry_after(self) -> float:
        return self._labeller.retry_after() if self._labeller else _RETRY_WITHOUT_MODEL


def state_of(connection: HTTPConnection) -> ServiceState:
    """Return the state of the application that a request came to."""
    state: ServiceState = connection.app.state.service
    return state
