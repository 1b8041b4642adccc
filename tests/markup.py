"""Whether HTML is what its standard says, as far as a strict parser and a few rules can tell."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element  # only its type

import html5lib

CHILDREN = {
    "ul": {"li"},
    "ol": {"li"},
    "dl": {"div", "dt", "dd"},
    "select": {"option"},
    "thead": {"tr"},
    "tbody": {"tr"},
    "tr": {"th", "td"},
}
"""What these may hold, and nothing else (WHATWG HTML, content models)."""
INTERACTIVE = {"a", "button", "input", "select", "textarea", "details", "label"}
ALONE = {"a", "button"}
"""No other control may lie in these."""
REFERENCES = ("aria-describedby", "aria-labelledby", "for")


def malformed(html: str) -> list[str]:
    """Return what a parser complains of, what is misplaced, and ids and references amiss."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    document = parser.parse(html)
    problems = [f"{place}: {code} {facts}" for place, code, facts in parser.errors]
    everywhere = [node for node in document.iter() if isinstance(node.tag, str)]
    problems += [problem for node in everywhere for problem in _misplaced(node)]
    ids = [node.get("id") for node in everywhere if node.get("id")]
    problems += [
        f"id {one} stands {ids.count(one)} times" for one in set(ids) if ids.count(one) > 1
    ]
    for node in everywhere:
        for name in REFERENCES:
            missing = set((node.get(name) or "").split()) - set(ids)
            problems += [f"{name} names {one}, which does not exist" for one in missing]
    return problems


def _misplaced(node: Element) -> Iterator[str]:
    allowed = CHILDREN.get(node.tag)
    if allowed is not None:
        yield from (f"{child.tag} in {node.tag}" for child in node if child.tag not in allowed)
    if node.tag in ALONE:
        inside = (child.tag for child in node.iter() if child is not node)
        yield from (f"{tag} in {node.tag}" for tag in inside if tag in INTERACTIVE)
