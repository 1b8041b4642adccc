"""What ends a bulk run, and with which exit code.

::

    BulkError              1  the engine, the model
    ├── BulkUsage          2  what was asked for cannot be done; nothing was touched
    ├── SourceError        3  the source cannot be read, or is no longer what was listed
    └── TargetError        4  the target cannot be written: no room, no permission, another run

One bad image is none of these: it becomes a row. After 1, 3 and 4 the same command goes on where
the run stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from service.errors import RotuloError
from service.wording import DEFAULT_LANG, Lang, Wording

EXIT_INTERRUPTED: Final = 130
"""By convention 128 and the number of SIGINT."""


class BulkError(Exception):
    """A run ends here; what is done stays done."""

    exit_code: ClassVar[int] = 1
    sentence: ClassVar[Wording] = Wording("La ejecución falló.", "The run failed.")

    def __init__(self, **facts: object) -> None:
        super().__init__(self.sentence.say("en", **facts))
        self.facts = facts

    def __reduce__(self) -> tuple[Callable[..., BulkError], tuple[object, ...]]:
        """Let another process send it, facts and all."""
        return _again, (type(self), self.facts)

    def say(self, lang: Lang = DEFAULT_LANG) -> str:
        """Return what happened and what to do about it."""
        return self.sentence.say(lang, **self.facts)


def _again(kind: type[BulkError], facts: dict[str, object]) -> BulkError:
    return kind(**facts)


class UnknownEngine(BulkError):
    """No installed package brings an engine of this name."""

    exit_code = 2
    sentence = Wording(
        "No hay un motor «{name}»; hay: {known}.",
        "There is no engine “{name}”; there are: {known}.",
    )


class EngineUnavailable(BulkError):
    """An engine that cannot start; ``reason`` says what is missing."""

    sentence = Wording(
        "El motor «{name}» no está disponible: {reason}.",
        "The engine “{name}” is not available: {reason}.",
    )


class EngineStopped(BulkError):
    """An engine came back before everything was done."""

    sentence = Wording(
        "El motor se detuvo antes de terminar. Repita la misma orden: sigue donde quedó.",
        "The engine stopped before the end. Repeat the same command: it goes on where it stopped.",
    )


class WorkersFailed(BulkError):
    """Worker processes end as soon as they start, whatever they are given."""

    sentence = Wording(
        "Los procesos de trabajo terminan al partir; ¿queda memoria? Use menos con --workers.",
        "The worker processes end when they start; is there memory left? Take fewer by --workers.",
    )


class BulkUsage(BulkError):
    """What was asked for cannot be done."""

    exit_code = 2


class UnknownFormat(BulkUsage):
    """The target's name ends in nothing that can be written."""

    sentence = Wording(
        "«{target}» debe terminar en .parquet, .csv o .jsonl.",
        "“{target}” must end in .parquet, .csv or .jsonl.",
    )


class TargetExists(BulkUsage):
    """There is a file where the target should be, and it may not be replaced."""

    sentence = Wording(
        "{target} ya existe; use --overwrite para reemplazarlo cuando el nuevo esté completo.",
        "{target} exists; use --overwrite to replace it once the new one is whole.",
    )


class NothingToLabel(BulkUsage):
    """The source holds no image, tar or Parquet file."""

    sentence = Wording(
        "No hay imágenes en {sources} ({skipped} archivos con otras extensiones; --all-files los "
        "incluye).",
        "There are no images in {sources} ({skipped} files with other extensions; --all-files "
        "takes them).",
    )


class MissingExtra(BulkUsage):
    """A path or a format needs packages that are not installed."""

    sentence = Wording(
        "{what} necesita el paquete {package}: pip install 'rotulo[{extra}]'.",
        "{what} needs the package {package}: pip install 'rotulo[{extra}]'.",
    )


class PlanDiffers(BulkUsage):
    """A run towards this target was begun with another model, options or versions."""

    sentence = Wording(
        "Quedó a medias una ejecución hacia {target} con otra configuración ({differences}). "
        "Repita aquella, o descártela con --restart.",
        "A run towards {target} was left unfinished with other settings ({differences}). "
        "Repeat that one, or drop it by --restart.",
    )


class SourceError(BulkError):
    """The source cannot be read."""

    exit_code = 3


class SourceUnreadable(SourceError):
    """A place that does not exist, may not be read, or does not answer."""

    sentence = Wording(
        "No se puede leer {location}: {reason}.", "Cannot read {location}: {reason}."
    )


class NoImageColumn(SourceUnreadable):
    """A Parquet file of something else."""


class SourceChanged(SourceError):
    """What is there now is not what was listed when the run began."""

    sentence = Wording(
        "El origen cambió desde que partió la ejecución: {change}. Vuelva a empezar con "
        "--restart, o siga con la lista de entonces con --as-listed.",
        "The source changed since the run began: {change}. Start over by --restart, or go on "
        "with the list of then by --as-listed.",
    )


class TargetError(BulkError):
    """The target cannot be written."""

    exit_code = 4


class TargetUnwritable(TargetError):
    """No permission, a read-only disk, a folder that does not exist."""

    sentence = Wording(
        "No se puede escribir en {location}: {reason}.", "Cannot write to {location}: {reason}."
    )


class NoRoom(TargetError):
    """The disk or the quota is full."""

    sentence = Wording(
        "No queda espacio para {location}. Libere espacio y repita la misma orden: sigue donde "
        "quedó.",
        "There is no room left for {location}. Free some and repeat the same command: it goes on "
        "where it stopped.",
    )


class TargetBusy(TargetError):
    """Another run writes the same target now."""

    sentence = Wording(
        "Otra ejecución está escribiendo en {folder}.", "Another run is writing in {folder}."
    )


class DamagedArchive(RotuloError):
    """A tar or Parquet file that ends or breaks before its end; the row stands for what is lost."""

    status = 422
    slug = "damaged-archive"
    title = Wording("Archivo contenedor dañado", "Damaged archive")
    sentence = Wording(
        "El contenedor está dañado o incompleto desde este punto.",
        "The archive is damaged or incomplete from here on.",
    )


class FatalImage(RotuloError):
    """An image that ended the process which looked at it, alone and at a second try."""

    status = 422
    slug = "fatal-image"
    title = Wording("Imagen no procesable", "Image cannot be processed")
    sentence = Wording(
        "El proceso que abrió esta imagen terminó de golpe.",
        "The process that opened this image died.",
    )
