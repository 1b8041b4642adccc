"""Mosec: its Rust front takes raw bodies and batches them for one process a core.

`python -m bench.peers.apps.mosec_app --port PORT` starts it.
"""

from __future__ import annotations

from typing import Any

import mosec

from bench.peers.apps.model import MAX_BATCH, Model, cores

# The least that Mosec waits for a batch to fill; under load the next one gathers by itself.
WAIT_MS = 1


class Labels(mosec.Worker):
    """Decodes and labels a batch."""

    def __init__(self) -> None:
        super().__init__()
        self._model = Model(threads=1)

    def deserialize(self, data: bytes) -> bytes:
        """Take the body as it is."""
        return data

    def forward(self, data: list[bytes]) -> list[dict[str, Any]]:
        """Return the best label of each image."""
        return self._model.label([self._model.open(image) for image in data])


if __name__ == "__main__":
    server = mosec.Server()
    server.append_worker(Labels, num=cores(), max_batch_size=MAX_BATCH, max_wait_time=WAIT_MS)
    server.run()
