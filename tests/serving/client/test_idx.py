"""Images are read from IDX files by index or range."""

import gzip
import io
import struct

import numpy as np
import pytest

from serving.client.errors import InputError
from serving.client.idx import parse_selection, read_idx

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def idx(images: np.ndarray = IMAGES, kind: int = 8) -> bytes:
    header = bytes([0, 0, kind, images.ndim])
    return header + struct.pack(f">{images.ndim}I", *images.shape) + images.tobytes()


def indices(content: bytes, selection: str) -> list[int]:
    found = list(read_idx(io.BytesIO(content), parse_selection(selection)))
    for index, pixels in found:
        np.testing.assert_array_equal(pixels, IMAGES[index])
    return [index for index, _ in found]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("0", [0]),
        ("-1", [4]),
        ("1:3", [1, 2]),
        (":2", [0, 1]),
        ("-2:", [3, 4]),
        ("::2", [0, 2, 4]),
        ("3:99", [3, 4]),
        ("7:9", []),
    ],
)
def test_a_selection_reads_as_python_slices(
    pack: type[bytes], selection: str, expected: list[int]
) -> None:
    assert indices(pack(idx()), selection) == expected


@pytest.mark.parametrize("text", ["", "a", "1:2:3:4", "1.5", "::-1"])
def test_what_is_no_selection_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|invalid literal"):
        parse_selection(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x0d\x03", r"begins 00 00 08\), found 00 00 0d 03"),
        (b"", "found nothing"),
        (idx(IMAGES[:, 0, 0]), "found 1; this one holds labels"),
        (idx()[:9], "header is cut short"),
        (idx()[:-5], "image 4 is cut short: expected 12 bytes, found 7"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 1, 0, 9), "found 9x0"),
        (bytes([0, 0, 8, 3]) + struct.pack(">3I", 1, 99999, 9), "found 9x99999"),
        (gzip.compress(idx(), mtime=0)[:-20], "the gzip stream is damaged"),
        (b"\x1f\x8bnonsense", "the gzip stream is damaged"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(read_idx(io.BytesIO(content)))
    assert "\n" not in str(caught.value)


def test_an_index_past_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="no image 5: the file holds 5"):
        indices(idx(), "5")


def test_images_before_a_damage_are_still_read() -> None:
    assert indices(idx()[:-5], ":4") == [0, 1, 2, 3]
