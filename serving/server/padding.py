"""Joins several requests to one batch, and pads it if the parameters ask for it."""

import bisect
from collections.abc import Sequence

import numpy as np

from serving.server.configs import BatchingParameters
from serving.server.plan import Arrays, merge


def padded(batch: Sequence[Arrays], parameters: BatchingParameters) -> list[np.ndarray]:
    """Joins the inputs; pads them to one shape and to an allowed batch size."""
    requests = [list(arrays) for arrays in batch]
    if parameters.pad_variable_length_inputs:
        for index in range(len(requests[0])):
            shapes = [request[index].shape[1:] for request in requests]
            widest = [max(sizes) for sizes in zip(*shapes, strict=True)]
            for request in requests:
                request[index] = _widened(request[index], widest)
    inputs = merge(requests)
    sizes = parameters.allowed_batch_sizes
    rows = len(inputs[0])
    if sizes and rows < sizes[-1]:
        missing = sizes[bisect.bisect_left(sizes, rows)] - rows
        if missing:
            inputs = [
                np.concatenate([array, np.repeat(array[:1], missing, axis=0)])
                for array in inputs
            ]
    return inputs


def _widened(array: np.ndarray, dims: list[int]) -> np.ndarray:
    """Pads with the array's first value, as BatchingSession does."""
    if list(array.shape[1:]) == dims or not array.size:
        return array
    out = np.full((array.shape[0], *dims), array.flat[0], array.dtype)
    out[tuple(slice(size) for size in array.shape)] = array
    return out
