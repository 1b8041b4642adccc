"""What a graph runs on: ONNX Runtime's execution providers, chosen, bound and proven.

::

    options     ProviderOptions        what an operator decides
    signature   check_signature        the graph is what its manifest says
    cuda, tensorrt, openvino           what stands in the way of each, and how it is asked for
    attempts    attempts_of            the ways to run a graph, in the order in which they are tried
    buckets     bucket_sizes, pieces   the batch sizes that a device is prepared for
    runners     SessionRunner, BoundRunner
    parity      prove                  the same answers as the CPU's, before anybody is answered
    onnx_file   operators, external_tensors
                                       what an ONNX file says, as far as it is asked here
    optimised   optimise               a graph as it is on this CPU, for several sessions
    cpu         CpuGraph               a bundle's sessions on the CPU
    opening     open_runner            all of it, for one bundle
"""
