"""What people say about the labels: corrections kept in a database, where the operator wants them.

::

    schemas     what a request says, and the answer
    intake      a request's body -> Correction, and the image that its sender gives
    recorder    on the event loop: few threads, few who wait, a time limit
    store       in a thread: record, page through, count, purge
    database    the engine, its own time limits, and its migrations
    pictures    the folder of images that their senders agreed to give
    metrics     counts per class
    commands    ``rotulo feedback export | summary | purge``

Off unless ``feedback_url`` names a database: the service keeps nothing by default.
"""
