"""Label whole archives without a server: ``rotulo bulk SOURCE --out TARGET``.

The way of one run, each step in the module of its name::

    listing    SOURCE -> files with size and stamp, on disk; a digest of them
    plan       all that decides a row; a run goes on only where its plan is the same
    units      files -> pieces of work; a unit's rows are written as parts
    reading    unit -> chunks of encoded images, streamed
    labelling  chunk -> rows, with the decoding, the classifier and the decision of the service
    ledger     rows -> parts on disk, each whole or absent, beside the target
    run        prepare, let an engine do what is missing, join the parts, rename

An engine decides where chunks are labelled: ``local`` on the cores of this machine; others are
found by the entry point group ``rotulo.bulk_engines`` (``deploy.ray_bulk`` brings ``ray``). Nothing
here is imported by ``service.app``; pyarrow and fsspec are loaded when a path needs them.
"""
