from __future__ import annotations

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from training import pretrained
from training.errors import DataError
from training.models import build
from training.models.efficientnet import (
    BLOCKS,
    ThinnedDepthwise,
    blocks,
    convolutions,
    folded,
)
from training.recipe import EfficientNetLite

# Places among ImageNet's thousand classes.
DAISY, PALACE, MONASTERY, BELL_COTE = 985, 698, 663, 442


@pytest.fixture(scope="module")
def on_imagenet() -> keras.Model:
    """The network as it was published: 224 pixels a side, a thousand classes."""
    model = build(EfficientNetLite(resolution=224), (224, 224, 3), 1000)
    model.adapt_to(np.zeros((0, 224, 224, 3), np.uint8))
    weights = pretrained.efficientnet_lite0_weights()
    model.get_layer("logits").set_weights([weights["_fc.weight"].T, weights["_fc.bias"]])
    return model


@pytest.mark.parametrize(
    ("picture", "classes"),
    [("flower.jpg", {DAISY}), ("china.jpg", {PALACE, MONASTERY, BELL_COTE})],
)
def test_with_its_own_head_the_folded_network_knows_what_it_was_fitted_on(
    on_imagenet: keras.Model, picture: str, classes: set[int]
) -> None:
    pixels = Image.fromarray(load_sample_image(picture)).resize((224, 224))
    logits = on_imagenet(np.asarray(pixels)[None], training=False).numpy()[0]
    assert classes & set(np.argsort(-logits)[:3].tolist())


def test_the_network_has_the_published_number_of_parameters(on_imagenet: keras.Model) -> None:
    # 4,652,008 with gain and shift of each norm; folding leaves a bias where there were two.
    norms = sum(
        len(pretrained.efficientnet_lite0_weights()[f"{c.norm}.bias"]) for c in CONVOLUTIONS
    )
    assert on_imagenet.count_params() + norms == 4_652_008


CONVOLUTIONS = tuple(convolutions())


def test_folding_keeps_what_a_convolution_and_its_norm_did() -> None:
    convolution = next(c for c in CONVOLUTIONS if c.name == "block1_project")
    draw = np.random.default_rng(0)
    weights = {
        f"{convolution.weights}.weight": draw.normal(size=(16, 32, 1, 1)).astype(np.float32),
        **{
            f"{convolution.norm}.{part}": draw.uniform(0.5, 2, 16).astype(np.float32)
            for part in ("weight", "bias", "running_mean", "running_var")
        },
    }
    gain, shift, mean, variance = list(weights.values())[1:]
    pixel = draw.normal(size=32).astype(np.float32)
    plain = weights[f"{convolution.weights}.weight"][:, :, 0, 0] @ pixel
    kernel, bias = folded(weights, convolution)
    np.testing.assert_allclose(
        pixel @ kernel[0, 0] + bias,
        (plain - mean) / np.sqrt(variance + 1e-3) * gain + shift,
        rtol=1e-4,
    )


def test_frozen_blocks_and_depthwise_filters_do_not_learn() -> None:
    def learning(**config: object) -> set[str]:
        model = build(EfficientNetLite.model_validate({"resolution": 32, **config}), (32, 32, 3), 4)
        return {weight.path.split("/")[0].split("_")[0] for weight in model.trainable_weights}

    assert learning(frozen_blocks=5) == {*(f"block{n}" for n in range(6, 17)), "top", "logits"}
    assert learning(frozen_blocks=BLOCKS) == {"logits"}
    assert "stem" in learning()


def test_depthwise_filters_learn_when_they_are_told_to() -> None:
    def names(*, learns: bool) -> list[str]:
        config = EfficientNetLite(resolution=32, depthwise_learns=learns)
        weights = build(config, (32, 32, 3), 4).trainable_weights
        return [weight.path for weight in weights if "depthwise" in weight.path]

    assert names(learns=False) == []
    assert len(names(learns=True)) == 2 * sum(1 for _ in blocks())


def test_weights_that_are_not_installed_are_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(DataError, match="Install the training extra"):
        pretrained.efficientnet_lite0_weights()


def test_other_weights_than_the_expected_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"lite0-57934424\.pth: has the SHA-256"):
        pretrained.efficientnet_lite0_weights()


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("sides", [(8, 8), (16, 12), (7, 8), (9, 7)])
def test_a_thinned_convolution_fits_what_the_plain_one_answers(
    kernel: int, sides: tuple[int, int]
) -> None:
    keras.utils.set_random_seed(0)
    layer = ThinnedDepthwise(kernel, 2, "same", bias_initializer="random_normal")
    images = np.random.default_rng(1).normal(size=(2, *sides, 6)).astype(np.float32)
    np.testing.assert_allclose(
        layer(images, training=True), layer(images, training=False), rtol=1e-4, atol=1e-5
    )


def test_only_blocks_that_learn_are_thinned() -> None:
    assert [type(of) for of in strided(frozen_blocks=5)] == [
        *[keras.layers.DepthwiseConv2D] * 2,
        *[ThinnedDepthwise] * 2,
    ]


def strided(frozen_blocks: int) -> list[keras.layers.Layer]:
    config = EfficientNetLite(resolution=32, frozen_blocks=frozen_blocks)
    layers = build(config, (32, 32, 3), 4).layers
    depthwise = (of for of in layers if isinstance(of, keras.layers.DepthwiseConv2D))
    return [of for of in depthwise if of.strides == (2, 2)]
