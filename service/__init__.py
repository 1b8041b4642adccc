"""What runs in production: labels for images over HTTP, from ONNX bundles."""
