"""From the logits of covered images to shares and to a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from service.explain import COLUMNS, ROWS, Explanation, in_words, weigh
from service.i18n import load_catalogues
from service.wording import Lang

CELLS = ROWS * COLUMNS


def explained(values: np.ndarray[tuple[int, int], np.dtype[np.float64]], fall: float = 0.5) -> str:
    return said(Explanation(0, 0.9, values, fall))


def said(explanation: Explanation, lang: Lang = "es") -> str:
    return in_words(explanation, "gato", load_catalogues()[lang])


def test_the_cell_with_the_greatest_fall_is_one_and_a_rise_is_nothing() -> None:
    plain = np.array([2.0, 0.0], np.float32)
    covered = np.tile(plain, (CELLS, 1))
    covered[7] = (0.0, 0.0)
    covered[8] = (1.0, 0.0)
    covered[9] = (5.0, 0.0)
    explanation = weigh(plain, covered, 1.0, None)
    expected = np.zeros(CELLS)
    expected[7], expected[8] = 1.0, 0.5
    assert explanation.class_index == 0
    np.testing.assert_allclose(explanation.values.ravel(), expected)
    assert explanation.score == pytest.approx(1 / (1 + np.exp(-2)))
    assert explanation.greatest_fall == pytest.approx(1 / (1 + np.exp(-2)) - 0.5)


def test_a_score_of_nearly_one_still_tells_its_cells_apart() -> None:
    plain = np.array([60.0, 0.0, -3.0], np.float32)
    covered = np.tile(plain, (CELLS, 1))
    covered[0], covered[1] = (50.0, 0.0, -3.0), (55.0, 0.0, -3.0)
    values = weigh(plain, covered, 1.0, None).values.ravel()
    np.testing.assert_allclose(values[:3], [1, 0.5, 0], atol=1e-6)


def test_the_label_asked_for_is_the_one_explained() -> None:
    plain = np.array([2.0, 0.0], np.float32)
    covered = np.tile(plain, (CELLS, 1))
    covered[3] = (4.0, 0.0)  # lifts the first label, and so lowers the second
    explanation = weigh(plain, covered, 1.0, 1)
    assert explanation.class_index == 1
    assert explanation.values.ravel()[3] == 1


def test_an_image_on_which_nothing_rests_has_no_shares() -> None:
    plain = np.array([2.0, 0.0], np.float32)
    covered = np.tile(plain, (CELLS, 1)) - np.array([0.01, 0], np.float32)
    explanation = weigh(plain, covered, 1.0, None)
    assert not explanation.values.any()
    assert said(explanation) == (
        "La etiqueta «gato» no se apoya en ninguna parte de la imagen en especial."
    )


def test_the_sentence_names_the_heaviest_places_first() -> None:
    values = np.zeros((ROWS, COLUMNS))
    values[2:4, 2:4] = 1.0
    values[:2, :2] = 0.7
    values[4:, 4:] = 0.5
    assert explained(values) == (
        "La etiqueta «gato» se apoya sobre todo en el centro y arriba a la izquierda."
    )
    assert said(Explanation(0, 0.9, values, 0.5), "en") == (
        "The label “gato” rests mostly on the centre and top left."
    )


def test_a_score_that_hardly_falls_is_said_to_be_steady() -> None:
    values = np.zeros((ROWS, COLUMNS))
    values[5, 3] = 1.0
    assert explained(values, fall=0.01).startswith("La etiqueta «gato» casi no cambia")
    assert explained(values, fall=0.01).endswith("lo que más pesa está abajo en el medio.")


def test_weight_in_nearly_every_place_is_said_in_one_word() -> None:
    values = np.ones((ROWS, COLUMNS))
    assert explained(values) == "La etiqueta «gato» se apoya en casi toda la imagen."
