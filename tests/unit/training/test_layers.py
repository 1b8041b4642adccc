from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.layers import (
    ACTIVATIONS,
    BatchNormalization,
    FusedActivation,
    Halve,
    IdentityFirst,
    LearnsFromImages,
    ShiftedNormActivation,
    Standardise,
    Whitening,
    whitening_filters,
)
from training.resizing import resized

KERAS_ACTIVATIONS = {
    "relu": keras.activations.relu,
    "gelu": lambda x: keras.activations.gelu(x, approximate=True),
}
both = pytest.mark.parametrize("activation", ["relu", "gelu"])


def normal(*shape: int, seed: int = 0, scale: float = 2.0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(0.5, scale, shape).astype("f4"))


def gradients(
    function: Callable[[tf.Tensor], tf.Tensor],
    x: tf.Tensor,
    upstream: tf.Tensor,
    weights: Sequence[tf.Variable] = (),
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return outputs, and the gradients of x and the weights for an upstream gradient."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
    return outputs, tape.gradient(outputs, [x, *weights], output_gradients=upstream)


@both
def test_an_activation_and_its_written_gradient_are_those_of_keras(activation: str) -> None:
    x, upstream = normal(4, 5, 5, 3), normal(4, 5, 5, 3, seed=1)
    layer = FusedActivation(activation)
    outputs, (change,) = gradients(lambda x: layer(x, training=True), x, upstream)
    expected, (expected_change,) = gradients(KERAS_ACTIVATIONS[activation], x, upstream)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    np.testing.assert_allclose(change, expected_change, atol=1e-5)
    np.testing.assert_allclose(layer(x, training=False), expected, atol=1e-6)


def pair(activation: str) -> tuple[ShiftedNormActivation, keras.layers.BatchNormalization]:
    """Return our layer and Keras's with the same shift."""
    ours = ShiftedNormActivation(activation, momentum=0.6, epsilon=1e-5)
    theirs = keras.layers.BatchNormalization(momentum=0.6, epsilon=1e-5, scale=False)
    for layer in (ours, theirs):
        layer.build((None, 5, 5, 3))
    shift = np.array([0.3, -0.2, 0.1], "f4")
    ours.shift.assign(shift)
    theirs.beta.assign(shift)
    return ours, theirs


def norms() -> tuple[BatchNormalization, keras.layers.BatchNormalization]:
    """Return our norm and Keras's with the same scale and shift."""
    layers = BatchNormalization(momentum=0.6), keras.layers.BatchNormalization(momentum=0.6)
    for layer in layers:
        layer.build((None, 5, 5, 3))
        layer.gamma.assign([1.5, -0.5, 1.0])
        layer.beta.assign([0.3, -0.2, 0.1])
    return layers


@pytest.mark.parametrize("images", [1, 8])
def test_the_norm_of_one_kernel_trains_and_infers_as_kerass_does(images: int) -> None:
    ours, theirs = norms()
    x, upstream = normal(images, 5, 5, 3), normal(images, 5, 5, 3, seed=1)

    def trained(layer: keras.Layer) -> tuple[tf.Tensor, list[tf.Tensor]]:
        weights = [layer.gamma.value, layer.beta.value]
        return gradients(lambda x: layer(x, training=True), x, upstream, weights)

    (outputs, changes), (expected, expected_changes) = trained(ours), trained(theirs)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    for change, expected_change in zip(changes, expected_changes, strict=True):
        np.testing.assert_allclose(change, expected_change, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, atol=1e-6)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, atol=1e-5)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)


def test_a_frozen_norm_or_one_of_rows_is_kerass_own() -> None:
    ours, theirs = norms()
    for layer in (ours, theirs):
        layer.trainable = False
    x = normal(8, 5, 5, 3)
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-6)
    assert ours.moving_mean.numpy().tolist() == [0, 0, 0]
    rows = normal(8, 3)
    flat = BatchNormalization(), keras.layers.BatchNormalization()
    np.testing.assert_allclose(
        flat[0](rows, training=True), flat[1](rows, training=True), atol=1e-6
    )


def test_in_bfloat16_a_norm_learns_and_follows_in_float32() -> None:
    mixed, whole = BatchNormalization(dtype="mixed_bfloat16"), BatchNormalization()
    x = normal(8, 5, 5, 3)
    half = tf.cast(x, tf.bfloat16)
    outputs = mixed(half, training=True)
    assert (outputs.dtype, mixed.moving_mean.dtype) == (tf.bfloat16, "float32")
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), whole(x, training=True), atol=0.05)
    np.testing.assert_allclose(mixed.moving_variance, whole.moving_variance, rtol=0.02)


@both
def test_the_fused_norm_trains_as_kerass_norm_and_activation_do(activation: str) -> None:
    ours, theirs = pair(activation)
    activate = KERAS_ACTIVATIONS[activation]
    x, upstream = normal(8, 5, 5, 3), normal(8, 5, 5, 3, seed=1)
    outputs, (change, shift_change) = gradients(
        lambda x: ours(x, training=True), x, upstream, [ours.shift.value]
    )
    expected, (expected_change, expected_shift_change) = gradients(
        lambda x: activate(theirs(x, training=True)), x, upstream, [theirs.beta.value]
    )
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(change, expected_change, atol=1e-5)
    np.testing.assert_allclose(shift_change, expected_shift_change, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, atol=1e-6)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, atol=1e-5)


@both
def test_the_fused_norm_infers_from_the_moving_statistics(activation: str) -> None:
    ours, theirs = pair(activation)
    for layer in (ours, theirs):
        layer.moving_mean.assign([0.5, -1.0, 2.0])
        layer.moving_variance.assign([0.25, 4.0, 1.0])
    x = normal(8, 5, 5, 3)
    expected = KERAS_ACTIVATIONS[activation](theirs(x, training=False))
    np.testing.assert_allclose(ours(x, training=False), expected, atol=1e-5)
    assert ours.moving_mean.numpy().tolist() == [0.5, -1.0, 2.0]


@both
def test_in_bfloat16_the_statistics_stay_float32_and_the_gradients_agree(activation: str) -> None:
    ours, _ = pair(activation)
    mixed = ShiftedNormActivation(activation, momentum=0.6, epsilon=1e-5, dtype="mixed_bfloat16")
    mixed.build((None, 5, 5, 3))
    mixed.shift.assign(ours.shift)
    x, upstream = normal(8, 5, 5, 3), normal(8, 5, 5, 3, seed=1)
    half = tf.cast(x, tf.bfloat16)
    outputs, (change, shift_change) = gradients(
        lambda x: mixed(x, training=True), half, tf.cast(upstream, tf.bfloat16), [mixed.shift.value]
    )
    expected, (expected_change,) = gradients(lambda x: ours(x, training=True), x, upstream)
    assert (outputs.dtype, change.dtype) == (tf.bfloat16, tf.bfloat16)
    assert (shift_change.dtype, mixed.moving_mean.dtype) == (tf.float32, "float32")
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), expected, atol=0.05)
    # ReLU's slope jumps at zero, where bfloat16 may fall on the other side.
    near = np.isclose(tf.cast(change, tf.float32), expected_change, atol=0.1)
    assert near.mean() > 0.98
    np.testing.assert_allclose(mixed.moving_variance, ours.moving_variance, rtol=0.02)


@both
def test_in_bfloat16_an_activation_keeps_its_type(activation: str) -> None:
    layer = FusedActivation(activation, dtype="mixed_bfloat16")
    x = tf.cast(normal(4, 3), tf.bfloat16)
    outputs, (change,) = gradients(lambda x: layer(x, training=True), x, tf.ones_like(x))
    assert (outputs.dtype, change.dtype) == (tf.bfloat16, tf.bfloat16)


def patches_of(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return all 2×2 patches [N, 4 C], in the order of a convolution's filters."""
    corners = [images[:, r : r - 1 or None, c : c - 1 or None] for r in (0, 1) for c in (0, 1)]
    return np.stack(corners, axis=3).reshape(-1, 4 * images.shape[-1])


def smooth_images() -> NDArray[np.float32]:
    """Return images whose neighbouring pixels and channels go together, as in photographs."""
    generator = np.random.default_rng(0)
    rough = generator.normal(size=(200, 9, 9, 3)) @ generator.normal(size=(3, 3))
    return np.asarray(rough[:, 1:, 1:] + 0.8 * rough[:, :-1, 1:] + 0.6 * rough[:, 1:, :-1], "f4")


def test_whitened_patches_are_uncorrelated_and_of_unit_variance() -> None:
    images = smooth_images()
    before = np.cov(patches_of(images), rowvar=False)
    assert np.abs(before - np.eye(12)).max() > 1
    outputs = keras.ops.conv(images, whitening_filters(images, 2, 0.0), padding="valid")
    whitened = np.asarray(outputs).reshape(-1, 24)[:, :12]
    second_moment = whitened.T @ whitened / len(whitened)
    np.testing.assert_allclose(second_moment, np.eye(12), atol=1e-3)


def test_the_second_half_of_the_whitening_filters_is_the_negative_of_the_first() -> None:
    filters = whitening_filters(smooth_images(), 2, 5e-4)
    assert filters.shape == (2, 2, 3, 24)
    np.testing.assert_array_equal(filters[..., 12:], -filters[..., :12])


def test_directions_of_no_variance_are_not_blown_up() -> None:
    grey = np.repeat(smooth_images()[..., :1], 3, axis=-1)
    assert np.abs(whitening_filters(grey, 2, 5e-4)).max() <= 5e-4**-0.5


def test_the_whitening_layer_learns_its_bias_only_as_long_as_it_should() -> None:
    layer = Whitening(3)
    layer.build((None, 8, 8, 3))
    assert [weight.name for weight in layer.trainable_variables] == ["bias"]
    layer.learn_bias(learns=False)
    assert layer.trainable_variables == []
    layer.adapt_standardised(smooth_images())
    assert layer(smooth_images()).shape == (200, 7, 7, 24)


def test_the_first_filters_pass_their_input_on() -> None:
    filters = IdentityFirst(seed=0)((3, 3, 4, 10))
    x = normal(2, 6, 6, 4)
    outputs = keras.ops.conv(x, filters, padding="same")
    np.testing.assert_allclose(outputs[..., :4], x, atol=1e-6)
    rest = np.asarray(filters)[..., 4:]
    bound = (3 * 3 * 4) ** -0.5
    assert np.abs(rest).max() <= bound
    assert rest.std() == pytest.approx(bound / 3**0.5, rel=0.1)


def test_with_fewer_outputs_than_inputs_the_first_inputs_are_passed_on() -> None:
    filters = IdentityFirst(seed=0)((3, 3, 6, 2))
    x = normal(2, 6, 6, 6)
    np.testing.assert_allclose(keras.ops.conv(x, filters, padding="same"), x[..., :2], atol=1e-6)


def test_standardised_training_images_have_no_mean_and_unit_variance() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), np.uint8)
    images[..., 2] //= 3
    layer = Standardise()
    layer.build(images.shape)
    assert isinstance(layer, LearnsFromImages)
    layer.adapt_to(images)
    outputs = np.asarray(layer(images))
    np.testing.assert_allclose(outputs.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.std(axis=(0, 1, 2)), 1, atol=1e-5)
    assert layer.trainable_variables == []


def test_what_was_made_twice_as_large_is_halved_to_what_it_was() -> None:
    """But for rounding, which is done twice; smooth images, since sharp ones reach 0 and 255."""
    small = np.clip(120 + 25 * smooth_images()[:20], 0, 255).astype(np.uint8)
    assert small.std() > 20
    large = resized(small, 16, 16)
    halved = np.asarray(Halve()(large))
    assert halved.shape == small.shape
    assert halved.dtype == np.uint8
    assert np.abs(halved.astype(int) - small.astype(int)).max() <= 2


def test_halved_images_wrap_around_at_neither_end() -> None:
    rows = np.tile(
        np.array([0, 0, 255, 255, 0, 0, 255, 255], np.uint8)[None, :, None, None], (1, 1, 8, 3)
    )
    assert np.asarray(Halve()(rows))[0, :, 0, 0].tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize(
    "layer",
    [
        BatchNormalization(momentum=0.6),
        FusedActivation("gelu"),
        Halve(),
        ShiftedNormActivation("relu", momentum=0.6, epsilon=1e-12),
        Standardise(),
        Whitening(3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_keras_can_build_a_layer_again_from_its_configuration(layer: keras.layers.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_keras_can_build_the_initialiser_again() -> None:
    again = IdentityFirst.from_config(IdentityFirst(seed=3).get_config())
    np.testing.assert_array_equal(again((3, 3, 2, 5)), IdentityFirst(seed=3)((3, 3, 2, 5)))


def test_each_activation_has_its_slope() -> None:
    x = normal(100)
    for activate, slope in ACTIVATIONS.values():
        _, (change,) = gradients(activate, x, tf.ones_like(x))
        np.testing.assert_allclose(slope(x), change, atol=1e-5)
