"""LitServe: one worker a core, batches, its fast queue (ZeroMQ), raw bodies.

`python -m bench.peers.apps.litserve_app PORT` starts it.
"""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import litserve
import numpy as np
from fastapi import Body

from bench.peers.apps.model import MAX_BATCH, Model, cores

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
# With 0 its loop asks an empty queue without a pause, and burns the core.
BATCH_SECONDS = 0.002


class Labels(litserve.LitAPI):
    """Decodes and labels a batch; LitServe takes the type of the body from ``decode_request``."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # its signature
        """Open the model, once in each worker."""
        self.model = Model(threads=1)

    def decode_request(self, request: Annotated[bytes, Body()]) -> Pixels:
        """Return an image's pixels."""
        return self.model.open(request)

    def batch(self, inputs: Sequence[Pixels]) -> Sequence[Pixels]:
        """Leave the batch as it is."""
        return inputs

    def predict(self, x: Sequence[Pixels]) -> list[dict[str, Any]]:
        """Return the best label of each image."""
        return self.model.label(x)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave the batch as it is."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Labels(max_batch_size=MAX_BATCH, batch_timeout=BATCH_SECONDS),
        accelerator="cpu",
        workers_per_device=cores(),
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
