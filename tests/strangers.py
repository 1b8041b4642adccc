"""Hypothesis's strategies for what strangers send: images whole and damaged, and what goes along.

What is drawn is small, since Hypothesis looks at all of it, and seeded, so that a test draws the
same every time.
"""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

from hypothesis import strategies as st

from tests.bundles import ANIMALS
from tests.hostile import odd_images, private_photo
from tests.pictures import FORMATS, encode, encode_turned, noise, quarters

MOST_BYTES = 4096
Json = dict[str, Any]


@functools.cache
def whole_images() -> tuple[bytes, ...]:
    """Return small images in every format that the service takes, one turned, one with a place."""
    return (
        *(encode(quarters(24, 16), name) for name in FORMATS),
        encode_turned(quarters(24, 16), "JPEG", 6),
        encode(noise(9, 7, bands=4), "PNG"),
        private_photo(),
    )


@functools.cache
def strange_files() -> tuple[bytes, ...]:
    """Return the small ones of what is no image, or an odd one."""
    return tuple(image.data for image in odd_images() if len(image.data) <= MOST_BYTES)


@st.composite
def damaged_images(draw: st.DrawFn) -> bytes:
    """Draw an image with a few other bytes, and perhaps without its end."""
    data = bytearray(draw(st.sampled_from(whole_images())))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@st.composite
def images(draw: st.DrawFn) -> bytes:
    """Draw what may come where an image is asked for; every other one is whole."""
    return draw(
        st.one_of(
            st.sampled_from(whole_images()),
            st.sampled_from(whole_images()) | st.sampled_from(strange_files()),
            damaged_images(),
            st.sampled_from(whole_images()) | st.binary(max_size=64),
        )
    )


@st.composite
def inferences(draw: st.DrawFn) -> Json:
    """Draw a request of the V2 protocol as JSON, right but for its images and numbers."""
    found = draw(st.lists(images(), min_size=1, max_size=3))
    tensor: Json = draw(
        st.sampled_from((
            {"datatype": "BYTES", "data": [base64.b64encode(one).decode() for one in found]},
            {"datatype": "UINT8", "data": [draw(st.integers(-1, 256))] * 3072 * len(found)},
        ))
    )  # fmt: skip
    axes = [32, 32, 3] if tensor["datatype"] == "UINT8" else []
    count = draw(st.sampled_from((len(found), len(found), 0, 10**9)))
    output = {"name": draw(st.sampled_from(("logits", "probabilities", "familiarity"))),
              "parameters": draw(st.sampled_from(({}, {"classification": 3}, {"binary_data": True},
                                                  {"classification": -1})))}  # fmt: skip
    return {
        "inputs": [{"name": "image", "shape": [count, *axes], **tensor}],
        "outputs": draw(st.sampled_from(([], [output]))),
        "parameters": draw(st.sampled_from(({}, {"timeout": 10**9}, {"timeout": -1}))),
    }


@st.composite
def binary_inferences(draw: st.DrawFn) -> tuple[bytes, int]:
    """Draw the same with binary data after the JSON, and how long the JSON is said to be."""
    found = draw(st.lists(images(), min_size=1, max_size=3))
    data = b"".join(len(one).to_bytes(4, "little") + one for one in found)
    size = draw(st.sampled_from((len(data), len(data), len(data) - 1, "all")))
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(found)],
              "parameters": {"binary_data_size": size}}  # fmt: skip
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + data, draw(st.sampled_from((len(head), len(head), 0, len(head) + 1, 2**40)))


@st.composite
def corrections(draw: st.DrawFn) -> Json:
    """Draw a correction of one of two results, whose labels the tests' small model has."""
    ids = st.sampled_from([label for label, _ in ANIMALS] + ["none"])
    return {
        "result_id": draw(st.sampled_from(("a" * 32, "b" * 32))),
        "label": draw(ids),
        "offered": draw(ids),
        "model": {"name": "linear", "version": draw(st.sampled_from("112"))},
        "comment": draw(st.none() | st.text(max_size=20)),
    }
