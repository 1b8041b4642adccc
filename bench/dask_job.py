"""The job that a data engineer would write with Dask, for `bench.bulk` to measure itself against.

    python dask_job.py MODEL MANIFEST SOURCE TARGET

Runs in an environment of its own (`pip install "dask[dataframe,distributed]" onnxruntime pillow
pyarrow`), so it imports nothing of Rótulo. One process a core, one inference thread each; a bag of
file names in partitions of 64, a session a process, batches of 16, rows to Parquet.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from dask import bag, config
from dask.distributed import Client, get_worker
from PIL import Image

BATCH: Final = 16
PARTITION: Final = 64


def session_of(model: str) -> onnxruntime.InferenceSession:
    """Open the model once for each worker."""
    worker: Any = get_worker()
    if not hasattr(worker, "session"):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        worker.session = onnxruntime.InferenceSession(model, options)
    return worker.session


def label(files: list[str], model: str, side: int, labels: list[str]) -> list[dict[str, Any]]:
    """Return a row for each file."""
    session = session_of(model)
    rows = []
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        pixels = np.stack([np.asarray(shrunk(file, side)) for file in batch])
        (logits,) = session.run(["logits"], {"image": pixels})
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
        best = scores.argmax(axis=1)
        rows += [
            {"file": file, "label": labels[index], "score": float(scores[row, index])}
            for row, (file, index) in enumerate(zip(batch, best, strict=True))
        ]
    return rows


def shrunk(file: str, side: int) -> Image.Image:
    """Return a picture of the model's size."""
    with Image.open(file) as image:
        return image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)


def main() -> None:
    """Label a folder and print the seconds that it took, workers started and warm."""
    model, manifest, source, target = sys.argv[1:]
    about = json.loads(Path(manifest).read_text(encoding="utf-8"))
    labels, side = [one["id"] for one in about["labels"]], about["input"]["width"]
    files = sorted(str(path) for path in Path(source).rglob("*") if path.is_file())
    config.set({"distributed.admin.tick.limit": "1h"})
    with Client(threads_per_worker=1) as client:
        client.wait_for_workers(1)
        started = time.perf_counter()
        rows = bag.from_sequence(files, partition_size=PARTITION).map_partitions(
            label, model, side, labels
        )
        rows.to_dataframe(meta={"file": str, "label": str, "score": float}).to_parquet(target)
        sys.stdout.write(
            json.dumps({"images": len(files), "seconds": time.perf_counter() - started})
        )


if __name__ == "__main__":
    main()
