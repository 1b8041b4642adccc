"""Each threat's answer is proven by a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.tree import modules


def test_every_proof_that_the_threats_name_is_a_test(root: Path) -> None:
    rows = [
        line.split("|")
        for line in (root / "docs" / "threats.md").read_text("utf-8").splitlines()
        if line.startswith("|") and not re.match(r"\|[-|]+$|\| Threat ", line)
    ]
    tests = {
        node.name
        for module in modules(root, "tests")
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    named = {row[1].strip(): set(re.findall(r"`(test_\w+)`", row[3])) for row in rows}
    assert len(named) > 20
    assert [threat for threat, proofs in named.items() if not proofs] == []
    assert set().union(*named.values()) - tests == set()
