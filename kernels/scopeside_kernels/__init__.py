"""The operations of the pipeline that run per pixel or per chip; `reference` defines them.

`reference` is NumPy and the CPU path. Beside it, one op a file, are Triton kernels and their
launchers (these need the `gpu` extra): on torch tensors of one device, which must be the current
one, on the current stream. They wait for nothing and read nothing back; given their outputs and
room they make nothing large, so a series may be captured in a CUDA graph.
"""
