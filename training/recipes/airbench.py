"""Airbench94: CIFAR-10 in few epochs.

Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498; re-derived from
the paper's description. The paper trains 9.9 epochs in batches of 1,024 and reaches 94.0 % (mean)
with six test-time views.

    python -m training fit airbench94

What differs here, and why:

- Batches of 512: faster on processors, whose caches they fit. Rate and decay are stated per 1,024
  images in the paper, so both are halved, and the batch norm's momentum goes from 0.6 to its square
  root.
- GELU by its tanh formula: TensorFlow's exact GELU has no ONNX form (Erfc).
- Twelve epochs instead of 9.9, to stand clear of 94 %.

The six views (the image and its mirror image, unshifted and shifted by a pixel along a diagonal)
were chosen on validation: after five epochs on 45,000 images 91.52 % right, against 91.20 % with
the mirror image alone and 90.72 % without any. They cost six passes an image.
"""

from training.recipe import (
    Airbench,
    Augmentation,
    Fit,
    Lookahead,
    NesterovSgd,
    Recipe,
    Triangle,
)
from training.recipes import register

BATCH_SIZE = 512
MOMENTUM = 0.85
# The paper's decoupled hyperparameters: what a thousand images' worth of steps with momentum adds.
KILOSTEP = 1024 * (1 + 1 / (1 - MOMENTUM))

AIRBENCH94 = register(
    Recipe(
        name="airbench94",
        family="airbench",
        summary="Jordan 2024: whitening, alternating flips, Lookahead; 94 % in ten-odd epochs",
        model=Airbench(norm_momentum=0.775),
        augmentation=Augmentation(flip="alternating", translate=2),
        fit=Fit(
            epochs=12,
            batch_size=BATCH_SIZE,
            optimiser=NesterovSgd(
                learning_rate=11.5 * BATCH_SIZE / KILOSTEP,
                momentum=MOMENTUM,
                weight_decay=0.0153 * BATCH_SIZE / KILOSTEP,
                bias_factor=64.0,
            ),
            schedule=Triangle(),
            label_smoothing=0.2,
            lookahead=Lookahead(),
            whitening_bias_epochs=3,
        ),
        views="flip-shift",
    )
)
