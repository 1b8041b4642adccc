#!/bin/sh
# Label a photo with curl: labels.sh https://rotulo.example.cl foto.jpg
# A key, where the service asks for one, comes from a file that only you can read: it would
# show in the list of processes if it stood in the command.
set -eu
url=$1
photo=$2

set -- --header 'Content-Type: application/octet-stream'
if [ -n "${ROTULO_KEY_FILE:-}" ]; then
  set -- "$@" --header "@$ROTULO_KEY_FILE"   # one line: Authorization: Bearer …
fi

# --retry obeys Retry-After; --fail-with-body shows why a request was refused.
curl --silent --show-error --fail-with-body --retry 3 --max-time 60 \
  "$@" --data-binary "@$photo" "$url/v1/labels?lang=es&top_k=3"
