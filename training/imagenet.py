"""The published ImageNet weights of `keras.applications`: found, checked, and put into a model."""

from pathlib import Path

import keras

from training.datasets import Archive
from training.download import ALGORITHMS, digest_of, fetch
from training.errors import DataError
from training.models.backbone import BACKBONE
from training.recipe import Backbone
from training.settings import TrainingSettings

KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications"
# Keras publishes MD5 digests alone (`keras.applications`, version 3.15).
PUBLISHED = {
    "resnet50": Archive(
        f"{KERAS_FILES}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size=94_765_736,
        digest="4d473c1dd8becc155b73f8504c6f6626",
        algorithm="md5",
    ),
    "vgg16": Archive(
        f"{KERAS_FILES}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size=58_889_256,
        digest="6d6bbae143d832006294945121d1f1fc",
        algorithm="md5",
    ),
}


def load_imagenet_weights(model: keras.Model, config: Backbone, settings: TrainingSettings) -> None:
    """Put the published weights into the backbone of `model`.

    Raises:
        DataError: they are nowhere to be had; never are random weights taken in their stead.
    """
    archive = PUBLISHED[config.name]
    model.get_layer(BACKBONE).load_weights(weights_file(archive, settings))


def weights_file(archive: Archive, settings: TrainingSettings) -> Path:
    """The local copy in `settings.weights_dir`, or the file fetched into the cache.

    Raises:
        DataError: there is no such file, it is another one, or it cannot be fetched.
    """
    name = archive.url.rsplit("/", 1)[-1]
    remedy = (
        f"Put that file ({ALGORITHMS[archive.algorithm]} {archive.digest}) into the folder that "
        "ROTULO_WEIGHTS_DIR names, or fit from random weights on purpose with --from-scratch."
    )
    if settings.weights_dir is not None:
        path = settings.weights_dir / name
        if not path.is_file():
            raise DataError(path, "is missing", remedy)
        if digest_of(path, archive) != archive.digest:
            raise DataError(path, "is not the published file", remedy)
        return path
    folder = settings.cache_dir / "weights"
    try:
        return fetch(archive, folder)
    except DataError as error:
        raise DataError(folder / name, f"is not to be had ({error})", remedy) from error
