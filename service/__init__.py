"""What runs in production: labels for images over HTTP, from ONNX bundles."""

import os

# ONNX Runtime 1.31 sends events about its use to Microsoft by default. It looks at this while it
# is being imported, which therefore must come after; whoever wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
