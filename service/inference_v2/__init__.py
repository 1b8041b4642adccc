"""The Open Inference Protocol V2 over REST, as KServe and Triton's clients speak it.

::

    wire       the JSON of requests and answers
    tensors    a request's body -> images, and which outputs are wanted
    outputs    evidence -> tensors, as JSON or as binary data
    inference  the way between the two: the same admission, threads and batcher as any image
    errors     what can be wrong with a tensor
"""
