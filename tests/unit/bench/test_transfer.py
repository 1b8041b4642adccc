from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.transfer import page, write_photos
from service.contract import Figure
from tests.bundles import manifest_of
from training.data import Split


def test_no_photo_is_both_fitted_on_and_measured_with(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(10, dtype=np.int64), 6)
    write_photos(Split(np.zeros((60, 32, 32, 3), np.uint8), labels), 40, tmp_path)
    fitted, measured = (
        sorted(path.name for path in (tmp_path / half).glob("*/*.jpg"))
        for half in ("train", "test")
    )
    assert (len(fitted), len(measured)) == (40, 20)
    assert not set(fitted) & set(measured)
    assert len(list((tmp_path / "train").iterdir())) == 10


def test_the_page_adds_the_steps_up_and_tells_accuracy_with_its_n() -> None:
    figure = Figure(name="accuracy", value=0.8444, n=500, split="test", conditions="CPU")
    manifest = manifest_of(b"graph").model_copy(update={"figures": (figure,)})
    said = page(1000, {"fit": 84.2, "export": 60.1}, manifest)
    assert "| in all | **144** |" in said
    assert "84.4% on test (500)" in said
