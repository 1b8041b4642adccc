"""Label photos with our client.

python with_client.py https://rotulo.example.cl foto.jpg otra.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

from service.client import Problem, Rotulo

url, *paths = sys.argv[1:]

with Rotulo(url) as rotulo:
    for path in paths:
        try:
            labelling = rotulo.label(Path(path), top_k=3)
        except Problem as problem:  # what the service says is meant to be read by a person
            print(f"{path}: {problem.detail}")
            continue
        sure = "segura" if labelling.decision == "accept" else "por revisar"
        print(f"{path}: {labelling.labels[0].name} ({sure})")
