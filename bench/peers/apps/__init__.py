"""The same model behind each peer, written as its own documentation has it.

Each runs in the peer's environment, so nothing here imports Rótulo or another peer.
"""
