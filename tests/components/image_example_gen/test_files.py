"""Files may be compressed, whatever their format."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.image_example_gen.source import open_source
from contract.errors import BadInputError
from tests.components.image_example_gen.forms.letters import letters

LABELS = [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)],
)
@pytest.mark.parametrize("name", ["a.npz", "a.csv"])
def test_any_file_may_be_packed(
    tmp_path: Path, name: str, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / name
    if name == "a.npz":
        np.savez(path, x=letters(LABELS, width=12), y=LABELS)
    else:
        values = letters(LABELS, width=12).reshape(len(LABELS), -1)
        np.savetxt(path, np.column_stack([LABELS, values]), "%d", ",")
    packed = tmp_path / f"{name}.{ending}"
    packed.write_bytes(pack(path.read_bytes()))
    fingerprint = open_source(str(path)).fingerprint()
    assert open_source(str(packed)).fingerprint() == fingerprint
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(BadInputError, match=f"^{packed}: broken "):
        open_source(str(packed)).fingerprint()
