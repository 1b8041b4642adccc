"""Whether what a model says today is still what it said on known images: ``rotulo drift``."""
