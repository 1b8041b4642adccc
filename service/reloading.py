"""Exchange the models in service for those on disk, without losing a request.

::

    plan    which bundles the settings ask for; each is whole, and signed where that is asked
    load    those that are not in service yet are opened and warmed, beside the old, in a thread
    swap    all at once, between two turns of the event loop
    drain   the old end when the last request that holds them has its answer

A step that fails changes nothing: the old models go on, and the reason goes to the log, to the
metric, and to whoever asked. One exchange runs at a time, and at most one waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import structlog

from service.classifier import Classifier
from service.containment import contained
from service.contract import Manifest
from service.errors import RotuloError, StartupError
from service.labeller import Labeller
from service.loading import WantedBundles, wanted_bundles
from service.metrics import Metrics
from service.models import ModelSet
from service.settings import Settings
from service.wording import Wording

ClassifierFactory = Callable[[Settings], Classifier]
"""Gives a warm classifier of the bundle that ``Settings.model`` names; called in a thread."""

Fingerprint: TypeAlias = frozenset[tuple[str, int, int, int]]
T = TypeVar("T")

_log: Final = structlog.get_logger()


class ReloadFailed(RotuloError):
    """What lies on disk cannot be served; nothing changed."""

    status = 409
    slug = "reload-failed"
    title = Wording("Modelos sin cambios", "Models unchanged")
    sentence = Wording(
        "Siguen los modelos anteriores: {reason}", "The models are what they were: {reason}"
    )

    def __init__(self, reason: str) -> None:
        """Take why, for the operator: it may name files of the server."""
        super().__init__(reason=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an exchange changed, and what is in service after it."""

    loaded: tuple[Labeller, ...]
    retired: tuple[Labeller, ...]
    models: ModelSet


class Reloader:
    """Owns which models are in service; belongs to the event loop."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        factory: ClassifierFactory,
        employ: Callable[[Classifier], Labeller],
    ) -> None:
        """Take what opens a bundle, and what gives a classifier a queue."""
        self.models: ModelSet | None = None
        self._settings = settings
        self._metrics = metrics
        self._factory = factory
        self._employ = employ
        self._one_at_a_time = asyncio.Lock()
        self._waiting: asyncio.Task[Exchange] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._draining: set[Labeller] = set()
        self._seen: Fingerprint = frozenset()
        metrics.models.watch_draining(lambda: len(self._draining))

    async def exchange(self) -> Exchange:
        """Serve what lies on disk now.

        Raises:
            Exception: whatever is wrong with it; nothing changed.
        """
        async with self._one_at_a_time:
            self._waiting = None
            old = self.models.labellers if self.models else ()
            in_service = {labeller.ref: labeller for labeller in old}
            wanted, opened = await asyncio.to_thread(
                contained, self._open, [item.manifest for item in old]
            )
            loaded = {ref: self._employ(classifier) for ref, classifier in opened.items()}
            for labeller in loaded.values():
                await labeller.start()
            after = in_service | loaded
            labellers = tuple(after[bundle.manifest.ref] for bundle in wanted.bundles)
            self.models = ModelSet(labellers, after[wanted.default.manifest.ref])
            retired = tuple(labeller for labeller in old if labeller not in labellers)
            self._account(loaded.values(), retired)
            return Exchange(tuple(loaded.values()), retired, self.models)

    async def reload(self) -> Exchange:
        """Do the same while in service, and tell the log; who asks while one waits joins it.

        Raises:
            ReloadFailed: with the reason.
        """
        if self._waiting is None:
            self._waiting = self._run(self._reload())
        # Whoever asked may leave; the others, and the models, should not notice.
        return await asyncio.shield(self._waiting)

    async def watch(self) -> None:
        """Look at the folder of bundles every so often, and serve what is new, until cancelled."""
        while seconds := self._settings.reload_seconds:
            await asyncio.sleep(seconds)
            if await asyncio.to_thread(fingerprint, self._settings.bundles) != self._seen:
                with contextlib.suppress(ReloadFailed):
                    await self.reload()

    def keep(self, work: Coroutine[Any, Any, object]) -> None:
        """Run something until it ends or the service does."""
        self._tasks.add(self._run(work))

    async def close(self) -> None:
        """Exchange no more, and drain everything."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        serving = self.models.labellers if self.models else ()
        await asyncio.gather(*(labeller.drain() for labeller in (*serving, *self._draining)))

    def _open(
        self, in_service: list[Manifest]
    ) -> tuple[WantedBundles, dict[tuple[str, str], Classifier]]:
        """Open and warm what is wanted and not in service; in a thread."""
        self._seen = fingerprint(self._settings.bundles)
        wanted = wanted_bundles(self._settings)
        opened = {}
        for bundle in wanted.bundles:
            if bundle.manifest not in in_service:
                name, version = bundle.manifest.ref
                asked = self._settings.model_copy(update={"model": f"{name}/{version}"})
                opened[bundle.manifest.ref] = self._factory(asked)
        return wanted, opened

    async def _reload(self) -> Exchange:
        try:
            done = await self.exchange()
        except Exception as error:
            known = isinstance(error, StartupError)
            reason = str(error) if known else f"{type(error).__name__} while loading"
            self._metrics.models.count_reload("failed")
            _log.error("models unchanged", reason=reason, exc_info=None if known else error)
            raise ReloadFailed(reason) from error
        self._metrics.models.count_reload("done")
        _log.info("models read", loaded=_names(done.loaded), retired=_names(done.retired))
        return done

    def _account(self, loaded: Iterable[Labeller], retired: Iterable[Labeller]) -> None:
        serving = self.models.labellers if self.models else ()
        self._metrics.queue_bound.set(self._settings.max_queue * len(serving))
        served = {labeller.ref for labeller in serving}
        for labeller in retired:
            self._draining.add(labeller)
            self.keep(self._retire(labeller))
            if labeller.ref in served:  # other bytes under the same name and version
                self._metrics.models.forget(labeller.manifest)
        for labeller in loaded:
            self._metrics.models.describe(labeller.manifest, labeller.provider)

    async def _retire(self, labeller: Labeller) -> None:
        await labeller.retire()
        self._draining.discard(labeller)
        if self.models and labeller.ref not in {kept.ref for kept in self.models.labellers}:
            self._metrics.models.forget(labeller.manifest)
        _log.info("model retired", model="/".join(labeller.ref))

    def _run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told already; else asyncio says that nobody asked


def fingerprint(folder: Path) -> Fingerprint:
    """Return what would change with any file of any bundle, without reading one."""
    found = set()
    for path in folder.glob("*/*/*"):
        with contextlib.suppress(OSError):  # just removed
            status = path.stat()
            found.add((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return frozenset(found)


def _names(labellers: Iterable[Labeller]) -> list[str]:
    return ["/".join(labeller.ref) for labeller in labellers]
