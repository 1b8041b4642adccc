from __future__ import annotations

from service.stages import RequestStages, StageSpan, Timeline, server_timing

PHOTO = Timeline(submitted=10.0, decoding=10.5, decoded=11.5, running=13.5, ended=17.5)
PIXELS = Timeline(submitted=10.0, decoding=10.0, decoded=10.0, running=18.0, ended=20.0)


def test_an_image_waits_for_a_decoder_and_for_the_model() -> None:
    assert PHOTO.seconds(0.25) == {"read": 0.25, "decode": 1.0, "queue": 2.5, "inference": 4.0}


def test_spans_follow_each_other_behind_the_upload() -> None:
    assert RequestStages(9.5, 0.5, [PHOTO]).spans() == (
        StageSpan("read", 9.5, 10.0),
        StageSpan("queue", 10.0, 10.5),
        StageSpan("decode", 10.5, 11.5),
        StageSpan("queue", 11.5, 13.5),
        StageSpan("inference", 13.5, 17.5),
    )


def test_what_took_no_time_is_no_span() -> None:
    assert [span.name for span in PIXELS.spans()] == ["queue", "inference"]


def test_images_go_side_by_side_and_the_longest_counts() -> None:
    together = RequestStages(9.5, 0.5, [PHOTO, PIXELS]).seconds()
    assert together == {"read": 0.5, "decode": 1.0, "queue": 8.0, "inference": 4.0}


def test_a_request_without_images_has_no_stages_but_its_upload() -> None:
    none = RequestStages(9.5, 0.5, [])
    assert none.seconds() == {}
    assert [span.name for span in none.spans()] == ["read"]


def test_the_header_is_in_milliseconds() -> None:
    said = server_timing({"read": 0.0012345, "decode": 2.0})
    assert said == "read;dur=1.234, decode;dur=2000.000"
