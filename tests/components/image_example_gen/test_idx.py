"""IDX files are read as a stream of blocks; every damage is found."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.image_example_gen import idx
from components.image_example_gen.files import File
from contract.errors import BadInputError

SHAPE = (4, 3)
IMAGES = np.random.default_rng(5).integers(0, 256, (10, *SHAPE), np.uint8)

Pack = Callable[[bytes], bytes]
either_packing = pytest.mark.parametrize("pack", [bytes, gzip.compress])


def content(items: np.ndarray = IMAGES) -> bytes:
    """Returns an IDX file according to the format's description."""
    header = struct.pack(f">HBB{items.ndim}I", 0, 8, items.ndim, *items.shape)
    return header + items.tobytes()


def flipped(whole: bytes, position: int) -> bytes:
    damaged = bytearray(whole)
    damaged[position] ^= 0xFF
    return bytes(damaged)


def read(path: Path, block_rows: int = 4) -> np.ndarray:
    return np.concatenate(list(idx.read_blocks(File(str(path)), block_rows)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "train-images"


@either_packing
@pytest.mark.parametrize("block_rows", [1, 3, 5, 10, 11])
def test_blocks_of_any_size_are_the_same_rows(
    file: Path, pack: Pack, block_rows: int
) -> None:
    file.write_bytes(pack(content()))
    blocks = list(idx.read_blocks(File(str(file)), block_rows))
    whole, rest = divmod(len(IMAGES), block_rows)
    assert [len(block) for block in blocks] == [block_rows] * whole + [rest] * (
        rest > 0
    )
    np.testing.assert_array_equal(np.concatenate(blocks), IMAGES)


@either_packing
def test_the_count_is_what_the_header_promises(file: Path, pack: Pack) -> None:
    file.write_bytes(pack(content()))
    assert idx.read_header(File(str(file))) == ((10, *SHAPE), np.dtype(np.uint8))


def test_labels_are_items_without_a_shape(file: Path) -> None:
    file.write_bytes(content(np.arange(7, dtype=np.uint8)))
    (labels,) = idx.read_blocks(File(str(file)), 100)
    np.testing.assert_array_equal(labels, np.arange(7))


def test_qmnists_labels_are_eight_numbers_of_four_bytes(file: Path) -> None:
    """Their authors publish them as `idx2-int`, big-endian."""
    labels = np.arange(24).reshape(3, 8) * 70_000
    header = struct.pack(">HBB2I", 0, 0x0C, 2, 3, 8)
    file.write_bytes(header + labels.astype(">i4").tobytes())
    (found,) = idx.read_blocks(File(str(file)), 100)
    np.testing.assert_array_equal(found, labels)


def test_gzip_is_told_by_the_content_and_not_by_the_name(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.gz", tmp_path / "packed"
    plain.write_bytes(content())
    packed.write_bytes(gzip.compress(content()))
    np.testing.assert_array_equal(read(plain), IMAGES)
    np.testing.assert_array_equal(read(packed), IMAGES)


def test_gzip_of_several_members_is_one_stream(file: Path) -> None:
    whole = content()
    file.write_bytes(gzip.compress(whole[:40]) + gzip.compress(whole[40:]))
    np.testing.assert_array_equal(read(file), IMAGES)


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(
    items=st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda shape: arrays(np.uint8, shape)
    ),
    block_rows=st.integers(1, 10),
)
def test_what_is_written_is_read_again(
    file: Path, items: np.ndarray, block_rows: int
) -> None:
    idx.write(str(file), items)
    assert file.read_bytes() == content(items)
    blocks = list(idx.read_blocks(File(str(file)), block_rows))
    np.testing.assert_array_equal(np.concatenate(blocks), items)


def test_an_array_in_fortran_order_is_written_row_by_row(file: Path) -> None:
    idx.write(str(file), np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(read(file), IMAGES)


def test_memory_is_bounded_by_the_block(file: Path) -> None:
    rows = 40_000
    zeros = np.zeros((rows, 28, 28), np.uint8)
    file.write_bytes(gzip.compress(content(zeros), compresslevel=1))
    del zeros
    tracemalloc.start()
    try:
        seen = sum(len(b) for b in idx.read_blocks(File(str(file)), 1000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen == rows
    block = 1000 * 28 * 28
    assert peak < 5 * block < rows * 28 * 28 / 5


WHOLE, PACKED = content(), gzip.compress(content())
MAGIC = "wrong magic number: expected 0x000008 and the number of dimensions"

BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (
        b"",
        f"{MAGIC}, found an empty file",
    ),
    "floats": (
        b"\0\0\x0d\x03" + WHOLE[4:],
        f"{MAGIC}, found 0x00000d03",
    ),
    "something else": (
        b"<html>not here</html>",
        f"{MAGIC}, found 0x3c68746d",
    ),
    "cut in the magic number": (
        WHOLE[:3],
        f"{MAGIC}, found 0x000008",
    ),
    "cut before the sizes": (
        WHOLE[:4],
        "truncated: expected a header of 16 bytes, found 4",
    ),
    "cut in the sizes": (
        WHOLE[:15],
        "truncated: expected a header of 16 bytes, found 15",
    ),
    "header only": (
        WHOLE[:16],
        "truncated: expected 120 bytes after the header, found 0",
    ),
    "cut in the first block": (
        WHOLE[:20],
        "truncated: expected 120 bytes after the header, found 4",
    ),
    "cut between blocks": (
        WHOLE[: 16 + 4 * 12],
        "truncated: expected 120 bytes after the header, found 48",
    ),
    "without its last byte": (
        WHOLE[:-1],
        "truncated: expected 120 bytes after the header, found 119",
    ),
    "a promise of 4 billion images": (
        struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, *SHAPE) + IMAGES.tobytes(),
        "truncated: expected 51,539,607,540 bytes after the header, found 120",
    ),
    "one byte too many": (
        WHOLE + b"\0",
        "over-long: expected 120 bytes after the header, found more",
    ),
    "twice": (
        WHOLE * 2,
        "over-long: expected 120 bytes after the header, found more",
    ),
    "no records": (
        content(IMAGES[:0]),
        "no records: expected at least 1, found (0, 4, 3)",
    ),
    "gzipped empty": (
        gzip.compress(b""),
        f"{MAGIC}, found an empty file",
    ),
    "gzipped, cut before it was": (
        gzip.compress(WHOLE[:-5]),
        "truncated: expected 120 bytes after the header, found 115",
    ),
    "gzipped, one byte too many": (
        gzip.compress(WHOLE + b"\0"),
        "over-long: expected 120 bytes after the header, found more",
    ),
    "gzipped twice": (
        gzip.compress(PACKED),
        f"{MAGIC}, found 0x{PACKED[:4].hex()}",
    ),
    **{
        f"gzip cut {where}": (
            PACKED[:length],
            "broken gzip: expected a whole gzip stream, found: Compressed file ended "
            "before the end-of-stream marker was reached",
        )
        for where, length in {
            "after its magic number": 2,
            "in its header": 5,
            "after its header": 10,
            "in the middle": len(PACKED) // 2,
            "before its checksum": len(PACKED) - 8,
            "before its last byte": len(PACKED) - 1,
        }.items()
    },
    "gzip with another length": (
        flipped(PACKED, -1),
        "broken gzip: expected a whole gzip stream, found: Incorrect length of data "
        "produced",
    ),
    "gzip with another method": (
        flipped(PACKED, 2),
        "broken gzip: expected a whole gzip stream, found: Unknown compression method",
    ),
    "gzip with something after it": (
        PACKED + b"something",
        "broken gzip: expected a whole gzip stream, found: Not a gzipped file (b'so')",
    ),
}


@pytest.mark.parametrize(("damaged", "reason"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_a_bad_file_is_refused_in_one_line(
    file: Path, damaged: bytes, reason: str
) -> None:
    file.write_bytes(damaged)
    with pytest.raises(BadInputError) as caught:
        read(file)
    assert str(caught.value) == f"{file}: {reason}"


def test_a_flipped_checksum_is_refused(file: Path) -> None:
    file.write_bytes(flipped(PACKED, -8))
    with pytest.raises(BadInputError) as caught:
        read(file)
    checksums = rf"0x{int.from_bytes(flipped(PACKED, -8)[-8:-4], 'little'):x}"
    message = str(caught.value)
    assert message.startswith(
        f"{file}: broken gzip: expected a whole gzip stream, found: CRC check failed"
    )
    assert checksums in message
    assert "\n" not in message


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=200,
)
@given(position=st.integers(0, len(PACKED) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_in_gzip_reads_as_other_images(
    file: Path, position: int, bit: int
) -> None:
    damaged = bytearray(PACKED)
    damaged[position] ^= 1 << bit
    file.write_bytes(damaged)
    try:
        found = read(file)
    except BadInputError as refusal:
        assert str(refusal).startswith(f"{file}: ")  # noqa: PT017
    else:  # In gzip's own header: its time and its operating system.
        np.testing.assert_array_equal(found, IMAGES)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        read(file)
    assert str(caught.value) == f"{file}: missing: expected a file"


def test_a_folder_in_place_of_a_file_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(BadInputError) as caught:
        read(file)
    assert str(caught.value) == f"{file}: cannot be read: Is a directory"


@pytest.mark.parametrize("cut", [0, 3, 15])
def test_the_count_of_a_file_without_a_header_is_refused(file: Path, cut: int) -> None:
    file.write_bytes(WHOLE[:cut])
    with pytest.raises(BadInputError, match=r"wrong magic number|truncated"):
        idx.read_header(File(str(file)))


def test_blocks_before_the_damage_are_still_handed_out(file: Path) -> None:
    file.write_bytes(WHOLE[:-1])
    blocks = idx.read_blocks(File(str(file)), 4)
    np.testing.assert_array_equal(next(blocks), IMAGES[:4])
    np.testing.assert_array_equal(next(blocks), IMAGES[4:8])
    with pytest.raises(BadInputError, match="truncated"):
        next(blocks)


def test_what_the_consumer_raises_is_not_the_files_fault(file: Path) -> None:
    file.write_bytes(WHOLE)
    blocks = idx.read_blocks(File(str(file)), 4)

    def consume() -> None:
        for _ in blocks:
            raise EOFError("the consumer's own")

    with pytest.raises(EOFError, match="the consumer's own"):
        consume()
