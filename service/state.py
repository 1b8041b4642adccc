"""What one running application holds: its bounds, its metrics, its models, and how far it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from starlette.requests import HTTPConnection

from service.access import Access
from service.admission import Admission
from service.classifier import Classifier
from service.errors import NotReady
from service.explain import Explainer
from service.labeller import Labeller
from service.metrics import Metrics
from service.models import LATEST, ModelSet
from service.reloading import ClassifierFactory, Exchange, Reloader
from service.settings import Settings
from service.sharing import Shared
from service.tracing import open_tracer
from service.wording import Wording

if TYPE_CHECKING:
    from service.feedback.recorder import FeedbackRecorder

LOADING: Final = Wording("el modelo se está cargando", "the model is loading")
FAILED: Final = Wording("el modelo no se pudo cargar", "the model could not be loaded")
LEAVING: Final = Wording("el servicio se está deteniendo", "the service is stopping")
STUCK: Final = Wording("el modelo no responde", "the model does not respond")

LOST_AFTER: Final = 6
"""A thread that is stuck for so many times the bound is given up, and the process with it."""

_RETRY_WITHOUT_MODEL: Final = 1.0
_log = structlog.get_logger()


class ServiceState:
    """The state of one application; belongs to its event loop."""

    def __init__(self, settings: Settings, metrics: Metrics, factory: ClassifierFactory) -> None:
        """Take what opens a bundle; reads the keys, and begins nothing yet.

        Raises:
            StartupError: the file of keys cannot be read.
        """
        self.settings = settings
        self.metrics = metrics
        self.admission = Admission(
            max_images=settings.max_images_in_flight,
            max_bytes=settings.max_bytes_in_flight,
            retry_after=self.book_turn,
        )
        self.explainer = Explainer(settings, self.admission, metrics)
        self.feedback = _recorder(settings, metrics)
        self.access = Access(settings, metrics.access)
        self.tracer = open_tracer(settings)
        self.failure: Exception | None = None
        self.leaving = False
        self.settled = asyncio.Event()
        """Set once the models are warm or could not be loaded."""
        self._shared = Shared(settings, metrics)
        self._reloader = Reloader(settings, metrics, factory, self._employ)
        metrics.queue_bound.set(settings.max_queue)
        metrics.images_bound.set(settings.max_images_in_flight)
        metrics.bytes_bound.set(settings.max_bytes_in_flight)
        metrics.connections_bound.set(settings.max_connections)
        metrics.watch(
            images=lambda: self.admission.images,
            held=lambda: self.admission.bytes,
            ready=lambda: int(self.obstacle is None),
        )

    @property
    def models(self) -> ModelSet:
        """Return the models in service.

        Raises:
            NotReady: there are none yet.
        """
        if self._reloader.models is None:
            raise NotReady(self.obstacle)
        return self._reloader.models

    @property
    def labeller(self) -> Labeller:
        """Return the default model; who labels with it holds it, from here to the answer.

        Raises:
            NotReady: there is none yet.
        """
        return self.models.default

    @property
    def obstacle(self) -> Wording | None:
        """Return why no new client should come here; None while ready."""
        if self.leaving:
            return LEAVING
        if self.failure is not None:
            return FAILED
        if self._reloader.models is None:
            return LOADING
        return STUCK if self._shared.all_stuck() else None

    @property
    def is_lost(self) -> bool:
        """Return whether only another process can help: a thread hangs in a model for good."""
        return self._shared.stuck(LOST_AFTER) > 0

    def model(self, name: str, version: str = LATEST) -> Labeller:
        """Return a model by its name and version, the newest where none is named.

        Raises:
            NotReady: nothing is loaded yet.
            UnknownModel: no such model is in service.
        """
        return self.models.find(name, version)

    def book_turn(self) -> float:
        """Return how many seconds who is refused now should wait, whatever it was sent for."""
        models = self._reloader.models
        return models.book_turn() if models else _RETRY_WITHOUT_MODEL

    def start(self) -> None:
        """Begin what runs beside the requests."""
        if self.feedback is not None:
            self.feedback.start()

    async def load(self) -> None:
        """Load and warm the models in a thread, and be ready; a failure is kept in ``failure``."""
        try:
            done = await self._reloader.exchange()
        except Exception as error:  # noqa: BLE001  # whatever it is, the service cannot serve
            self.failure = error
            self.settled.set()
            return
        self.settled.set()
        default = done.models.default
        _log.info(
            "ready",
            model=default.manifest.name,
            version=default.manifest.version,
            provider=default.provider,
            models=["/".join(labeller.ref) for labeller in done.models.labellers],
        )
        self._reloader.keep(self._reloader.watch())

    async def reload(self) -> Exchange:
        """Serve the bundles that lie on disk now.

        Raises:
            NotReady: still loading for the first time, or stopping.
            ReloadFailed: they cannot be served; nothing changed.
        """
        if self.obstacle is not None:
            raise NotReady(self.obstacle)
        return await self._reloader.reload()

    def hang_up(self) -> None:
        """Do what SIGHUP asks for: read again whatever is read from files."""
        self.access.refresh_keys(force=True)
        if self.obstacle is None:
            self._reloader.keep(self._reloader.reload())

    async def drain(self) -> None:
        """Answer what was taken in, and stop labelling."""
        self.leaving = True
        await self._reloader.close()
        self._shared.close()
        if self.feedback is not None:
            await self.feedback.drain()
        await self.access.close()
        if self.tracer is not None:
            await asyncio.to_thread(self.tracer.close)

    def _employ(self, classifier: Classifier) -> Labeller:
        return Labeller(classifier, self.settings, self.admission, self._shared)


def state_of(connection: HTTPConnection) -> ServiceState:
    """Return the state of the application that a request came to."""
    state: ServiceState = connection.app.state.service
    return state


def _recorder(settings: Settings, metrics: Metrics) -> FeedbackRecorder | None:
    """Return what keeps corrections, where the settings name a database for them."""
    if not settings.feedback_url:
        return None
    # 0.3 s and 20 MB of SQLAlchemy and Alembic, for those who keep corrections.
    from service.feedback.recorder import FeedbackRecorder  # noqa: PLC0415

    return FeedbackRecorder(settings, metrics.registry)
