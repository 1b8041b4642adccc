"""One module a step, each naming the one before; a step that was released never changes."""
