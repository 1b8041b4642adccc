"""Fits, evaluates and reports on Keras models in the phases of CRISP-DM."""

import os

# TensorFlow reads these once, when it is first imported. oneDNN's kernels are on by default only
# on processors with AVX-512 or AMX, yet they train 1.6 times faster on plain AVX2 as well.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
