"""A small data set other than MNIST: letters as classes, drawn by Pillow."""

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw


def letters(
    labels: Sequence[int], seed: int = 0, width: int = 9, height: int = 12
) -> np.ndarray:
    """Returns grey images of the letters A, B, ...: uint8 `[rows, height, width]`."""
    noise = np.random.default_rng(seed)
    images = []
    for label in labels:
        image = Image.new("L", (width, height), 0)
        ImageDraw.Draw(image).text((1, 0), chr(ord("A") + label), fill=255)
        speckles = noise.integers(0, 60, (height, width))
        images.append(np.maximum(np.asarray(image), speckles).astype(np.uint8))
    return np.stack(images)


def idx_bytes(items: np.ndarray, code: int = 0x08, kind: str = "u1") -> bytes:
    """Returns an IDX file according to the format's description."""
    header = struct.pack(f">HBB{items.ndim}I", 0, code, items.ndim, *items.shape)
    return header + items.astype(kind).tobytes()


def png(image: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    """Returns a picture as a PNG."""
    return picture(Image.fromarray(image, mode), "PNG", **options)


def picture(image: Image.Image, kind: str, **options: object) -> bytes:
    """Returns a picture's file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()
