"""A JPEG is decoded at a smaller scale, and the model says the same of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.decoding import compare, shipped_classifier
from service.labelling import Decision

MAX_MOVED = 0.15
MAX_OTHER_LABELS = 0.02
MAX_OTHER_DECISIONS = 0.05


@pytest.mark.shared
def test_scaled_decoding_keeps_the_labels_of_the_development_photos(shared_data: Path) -> None:
    """No label that is accepted changes, and hardly another; a score may cross a threshold."""
    found = list(compare(shared_data / "photos", shipped_classifier()))
    assert len(found) > 50
    changed = [one for one in found if not one.same_label]
    assert len(changed) <= MAX_OTHER_LABELS * len(found)
    accepted = [one.name for one in changed if Decision.ACCEPT in one.decisions]
    assert accepted == []
    assert max(one.moved for one in found) <= MAX_MOVED
    decided_otherwise = [one.name for one in found if not one.same_decision]
    assert len(decided_otherwise) <= MAX_OTHER_DECISIONS * len(found)
