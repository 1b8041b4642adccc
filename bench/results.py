"""What the measurements of serving leave behind, as JSON: pages and charts are made of it alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

BodyKind = Literal["raw", "form"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conditions(_Record):
    """Where and how it was measured; seconds are those of each load, load average at the end."""

    taken: str
    commit: str
    machine: str
    cores: int
    python: str
    onnxruntime: str
    load_average: float
    rounds: int
    seconds: int


class PictureFacts(_Record):
    """One kind of picture: pixels, mean bytes of those sent in turn."""

    kind: str
    width: int
    height: int
    media_type: str
    size_bytes: int
    count: int


class Contestant(_Record):
    """One server: seconds until it answered, round by round; what it took besides.

    Memory is the peak of resident bytes of all its processes, by kind of picture; idle is its share
    of one core while nobody asks, in percent.
    """

    name: str
    title: str
    version: str
    layout: str
    ready_seconds: tuple[float, ...]
    idle_percent: float
    memory_bytes: dict[str, int]


class Loaded(_Record):
    """One closed loop, round by round."""

    server: str
    body: BodyKind
    kind: str
    connections: int
    rates: tuple[float, ...]
    p50_ms: tuple[float, ...]
    p95_ms: tuple[float, ...]
    p99_ms: tuple[float, ...]
    failed: int


class Limit(_Record):
    """The in-process limit, round by round, and one picture's decoding and session alone."""

    kind: str
    rates: tuple[float, ...]
    alone_ms: float


class LightLoad(_Record):
    """99th percentiles at a tenth of capacity, batching and not, of ``n`` arrivals each."""

    rate: float
    n: int
    batching_ms: float
    single_ms: float


class Point(_Record):
    """One step of a growing cost: what grows, images a second, and a latency (ms)."""

    label: str
    size: float
    rate: float
    p50_ms: float
    memory_bytes: int = 0


class Growth(_Record):
    """How throughput changes with each thing that grows."""

    session_batches: tuple[Point, ...]
    service_batches: tuple[Point, ...]
    picture_sizes: tuple[Point, ...]
    cores: tuple[Point, ...]
    replicas: tuple[Point, ...]


class Network(_Record):
    """All that was measured with one ONNX file."""

    name: str
    sha256: str
    precision: Literal["float32", "int8"]
    recipe: str
    conditions: Conditions
    pictures: tuple[PictureFacts, ...]
    contestants: tuple[Contestant, ...]
    loads: tuple[Loaded, ...]
    limits: tuple[Limit, ...]
    light: LightLoad | None = None
    growth: Growth | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Return which network it is, and where it was measured."""
        return self.name, self.conditions.machine

    def chart(self, name: str) -> str:
        """Return the file name of one of its charts."""
        words = re.findall(r"[a-z0-9_]+", " ".join(self.place).lower())
        return f"serving-{'-'.join(words)}-{name}.svg"


class Serving(_Record):
    """What was measured with each network, by name and machine."""

    networks: tuple[Network, ...] = ()

    def including(self, network: Network) -> Serving:
        """Return this with one network's measurements in the place of earlier ones there."""
        others = [one for one in self.networks if one.place != network.place]
        return Serving(networks=tuple(sorted((*others, network), key=lambda one: one.place)))

    def in_float32(self, network: Network) -> Network | None:
        """Return what one in 8 bits was made of, as `export.int8` names them, on its machine."""
        name, machine = network.place
        wanted = (name.replace("-int8/", "/"), machine)
        return next((one for one in self.networks if one.place == wanted), None)

    @classmethod
    def read(cls, path: Path) -> Serving:
        """Return what a file holds, nothing where there is none."""
        if not path.exists():
            return cls()
        return cls.model_validate_json(path.read_text("utf-8"))

    def write(self, path: Path) -> None:
        """Write it, for people and for `git diff` as well."""
        path.write_text(self.model_dump_json(indent=1) + "\n", "utf-8")
