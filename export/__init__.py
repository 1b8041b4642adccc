"""Turns a finished run into a bundle, and proves that the bundle says the same as the model."""
