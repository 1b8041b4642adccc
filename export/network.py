"""What the graph computes, in TensorFlow: a finished run's model, its views, its familiarity."""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.providers.signature import FAMILIARITY_NAME, OUTPUT_NAME
from training.familiarity import Reference, with_features
from training.recipe import Views
from training.views import BATCH, averaged_logits


@dataclass(frozen=True, slots=True)
class Network:
    """A float32 model with the variants of an image that it averages over.

    With a `reference` it also says how familiar an image is.
    """

    model: keras.Model
    views: Views
    reference: Reference | None = None

    def outputs(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Logits [N, classes], and familiarity [N] by a reference, of uint8 [N, H, W, C].

        Raises:
            RunError: there is a reference, and the model has no features.
        """
        if self.reference is None:
            return {OUTPUT_NAME: averaged_logits(self.model, self.views, images)}
        both = averaged_logits(with_features(self.model), self.views, images)
        classes = self.model.output_shape[-1]
        logits, features = both[:, :classes], both[:, classes:]
        # A slice would be named after what it was cut from.
        named = tf.identity(logits, OUTPUT_NAME)
        return {OUTPUT_NAME: named, FAMILIARITY_NAME: self.reference.score(features, named)}

    def evidence_of(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the service's classifier gives: the outputs side by side, [N, evidence]."""
        step = tf.function(lambda batch: list(self.outputs(batch).values()))
        parts = [
            np.column_stack([output.numpy() for output in step(images[start : start + BATCH])])
            for start in range(0, len(images), BATCH)
        ]
        return np.concatenate(parts)
