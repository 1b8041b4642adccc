from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from service.giving_way import DECODING, INFERRING, give_way
from service.metrics import Metrics
from service.settings import Settings
from service.sharing import Shared


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no nice value of their own")
def test_threads_that_compute_are_nicer_than_the_loop_and_nobody_else_is() -> None:
    before = nice()
    shared = Shared(Settings(), Metrics(CollectorRegistry()))
    inside = [shared.decoders.submit(nice).result(), shared.lend_inference().submit(nice).result()]
    shared.close()
    assert inside == [min(19, before + steps) for steps in (DECODING, INFERRING)]
    assert nice() == before


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no nice value of their own")
def test_a_thread_that_one_of_them_starts_is_as_nice_and_no_nicer() -> None:
    before = nice()
    shared = Shared(Settings(), Metrics(CollectorRegistry()))
    inference = shared.lend_inference()
    inside = shared.decoders.submit(lambda: inference.submit(nice).result()).result()
    shared.close()
    assert inside == min(19, before + INFERRING)


def test_a_system_that_refuses_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    with ThreadPoolExecutor(1, initializer=give_way, initargs=(INFERRING,)) as thread:
        assert thread.submit(nice).result() == nice()
