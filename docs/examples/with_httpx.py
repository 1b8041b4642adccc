"""Label a photo with httpx alone.

python with_httpx.py https://rotulo.example.cl foto.jpg
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import httpx

TRIES = 4
LONGEST_WAIT_SECONDS = 30

url, path = sys.argv[1:]
photo = Path(path).read_bytes()

for attempt in range(1, TRIES + 1):
    answer = httpx.post(
        f"{url}/v1/labels",
        params={"lang": "es", "top_k": 3},
        content=photo,
        headers={"Content-Type": "application/octet-stream"},
        timeout=60,
    )
    if answer.status_code not in {429, 503} or attempt == TRIES:
        break
    wait = int(answer.headers.get("Retry-After", "1"))  # full for now, and it says how long
    time.sleep(min(wait, LONGEST_WAIT_SECONDS))

told = answer.json()
if answer.is_success:
    print(told["decision"], told["labels"][0]["name"])
else:
    sys.exit(f"{told['status']}: {told['detail']}")
