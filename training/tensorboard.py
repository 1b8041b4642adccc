"""TensorBoard's curves of a fit, for who has its extra and asks for them."""

from importlib.util import find_spec

import keras

from training.errors import RunError
from training.run import Run

FOLDER = "tensorboard"


def tensorboard_of(run: Run) -> keras.callbacks.Callback:
    """What writes loss, accuracy and rate after each epoch into the run folder.

    A run that goes on writes another file beside, and TensorBoard shows one curve.

    Raises:
        RunError: TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise RunError("TensorBoard is not installed: it is the extra `training-tensorboard`")
    return keras.callbacks.TensorBoard(str(run.folder / FOLDER), write_graph=False)
