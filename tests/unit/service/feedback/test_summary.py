"""How often people disagree, class by class."""

from __future__ import annotations

from service.feedback.summary import summarise


def test_each_class_has_its_share_and_what_people_say_instead() -> None:
    (model,) = summarise(
        [
            ("m", "1", "cat", "cat", 6),
            ("m", "1", "cat", "dog", 3),
            ("m", "1", "cat", None, 1),
            ("m", "1", "ship", "ship", 10),
        ]
    ).models
    assert (model.corrections, model.disagreement) == (20, 0.2)
    cat, ship = model.classes
    assert (cat.offered, cat.corrections, cat.agreed, cat.none) == ("cat", 10, 6, 1)
    assert cat.instead == {"dog": 3}
    assert (cat.disagreement, ship.disagreement) == (0.4, 0.0)


def test_versions_of_a_model_are_told_apart() -> None:
    counts = [("m", "2", "a", "a", 1), ("m", "1", "a", "b", 1), ("l", "1", "a", "a", 1)]
    models = summarise(counts).models
    assert [(m.name, m.version, m.disagreement) for m in models] == [
        ("l", "1", 0.0), ("m", "1", 1.0), ("m", "2", 0.0),
    ]  # fmt: skip


def test_nothing_said_is_an_empty_summary() -> None:
    assert summarise([]).models == ()
