"""Rótulo beside the servers that others use for the same job."""
