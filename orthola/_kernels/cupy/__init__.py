"""CUDA side: direct cuBLAS calls and CUDA kernels, reached only through the table's lazy names.

Nothing here is imported unless a CuPy array is in hand. Every call is put on CuPy's current stream
and none waits for the device.
"""
