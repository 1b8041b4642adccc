"""What most people write first: FastAPI, a form's file, one run of the session for each request.

`uvicorn bench.peers.apps.naive_app:app --workers N` starts it. Not `async def`: FastAPI then runs
it in its pool of threads, so that images are decoded side by side and the event loop stays free.
"""

from typing import Any

from fastapi import FastAPI, UploadFile

from bench.peers.apps.model import Model, cores

app = FastAPI()
model = Model(threads=cores())


@app.post("/label")
def label(file: UploadFile) -> dict[str, Any]:
    """Return the best label of an image."""
    return model.label([model.open(file.file.read())])[0]
