"""Logged requests are read back, also from files that a kill left incomplete."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from contract.errors import BadInputError
from serving.request_logs import cli, forgetting, reading
from serving.server.record_files import framed
from tests.request_logs import NOW, Log


def write_log(prefix: Path, rows: range, version: int | None = 7) -> None:
    log = Log(prefix, "letters", version)
    for row in rows:
        logged = PredictionLog()
        logged.predict_log.request.model_spec.name = f"letters {row}"
        log.append(logged, "serving_default")
    log.close()


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "log" / "letters"


def ids(prefix: Path) -> list[str | None]:
    return [one.request_id for one in reading.read(reading.find_files(str(prefix)))]


def test_each_request_comes_with_what_is_known_of_it(prefix: Path) -> None:
    write_log(prefix, range(3))
    _, found, _ = reading.read(reading.find_files(str(prefix)))
    assert (found.request_id, found.model, found.version) == ("request-1", "letters", 7)
    assert (found.signature, found.timestamp_secs) == ("serving_default", NOW + 1)
    assert found.log.predict_log.request.model_spec.name == "letters 1"


def test_a_version_may_be_unknown(prefix: Path) -> None:
    write_log(prefix, range(1), version=None)
    (found,) = reading.read(reading.find_files(str(prefix)))
    assert found.version is None


def test_a_folder_a_prefix_and_a_file_name_a_log(prefix: Path) -> None:
    write_log(prefix, range(1))
    write_log(prefix.parent / "digits", range(1))
    (of_prefix,) = reading.find_files(str(prefix))
    assert len(reading.find_files(str(prefix.parent))) == 2
    assert reading.find_files(of_prefix) == [of_prefix]


def test_where_there_is_no_log_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=f"{tmp_path}: expected a folder with"):
        reading.find_files(str(tmp_path))


@pytest.mark.parametrize("lost", [1, 4, 20])
def test_a_torn_end_is_passed_over_and_counted(prefix: Path, lost: int) -> None:
    write_log(prefix, range(3))
    (path,) = reading.find_files(str(prefix))
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:-lost])
    passed_over = reading.PassedOver()
    assert len(list(reading.read([path], passed_over))) == 2
    assert passed_over == reading.PassedOver(1, len(whole) // 3 - lost)


def test_a_record_without_its_line_of_the_index_has_no_id(prefix: Path) -> None:
    write_log(prefix, range(3))
    (path,) = reading.find_files(str(prefix))
    index = Path(reading.index_of(path))
    index.write_bytes(index.read_bytes()[:-5])
    assert ids(prefix) == ["request-0", "request-1", None]


def test_a_period_has_its_first_second_and_not_its_end(prefix: Path) -> None:
    write_log(prefix, range(5))
    when = reading.Period(NOW + 1, NOW + 3)
    found = reading.read(reading.find_files(str(prefix)), when=when)
    assert [one.request_id for one in found] == ["request-1", "request-2"]


def test_the_hour_that_a_collector_writes_cannot_be_read_yet(tmp_path: Path) -> None:
    for name in ("20261126T09", "20261126T08-2"):
        (tmp_path / "of-mnist" / name).mkdir(parents=True)
    assert reading.whole_until(str(tmp_path)) is None
    (tmp_path / "of-mnist" / ".20261126T10").mkdir()
    whole = reading.whole_until(str(tmp_path))
    assert whole == datetime(2026, 11, 26, 10, tzinfo=UTC).timestamp()


def test_a_moment_without_a_zone_is_utc() -> None:
    assert reading.period("2026-11-26", None).since == 1795651200
    assert reading.period("2026-11-26T01:00+01:00", None).since == 1795651200
    with pytest.raises(BadInputError, match="--until: expected a time after"):
        reading.period("2026-11-26", "2026-11-25")


def test_what_was_forgotten_is_in_neither_file(prefix: Path) -> None:
    write_log(prefix, range(3))
    files = reading.find_files(str(prefix))
    sizes = [Path(path).stat().st_size for path in sorted(prefix.parent.iterdir())]
    assert forgetting.forget_in_log(files, "request-1") == 1
    assert ids(prefix) == ["request-0", "request-2"]
    left = [path.read_bytes() for path in sorted(prefix.parent.iterdir())]
    assert not any(b"request-1" in content for content in left)
    # The other records keep their offsets, as the server may continue to write.
    assert [len(content) for content in left] == sizes
    assert b"\x00" * 20 in left[1]


def test_tensorflow_reads_what_forgetting_left(prefix: Path) -> None:
    import tensorflow as tf

    write_log(prefix, range(3))
    files = reading.find_files(str(prefix))
    forgetting.forget_in_log(files, "request-1")
    left = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    kinds = [PredictionLog.FromString(data).WhichOneof("log_type") for data in left]
    assert kinds == ["predict_log", None, "predict_log"]


def test_requests_are_listed_and_forgotten_by_commands(
    prefix: Path, tmp_path: Path
) -> None:
    write_log(prefix, range(2))
    asked = ["--log", str(prefix)]
    listed = CliRunner().invoke(cli.cli, ["list", *asked])
    assert listed.output.splitlines()[1] == (
        "2026-09-21T14:13:21Z  letters 7 serving_default  request-1"
    )
    forget = ["forget", "request-1", *asked, "--output", str(tmp_path)]
    assert "removed: 1 from the log" in CliRunner().invoke(cli.cli, forget).output
    with pytest.raises(BadInputError, match="request-1: expected a request id"):
        CliRunner().invoke(cli.cli, forget, catch_exceptions=False)


def test_a_list_of_nothing_says_so(prefix: Path) -> None:
    write_log(prefix, range(2))
    [path] = reading.find_files(str(prefix))
    Path(reading.index_of(path)).write_text("no JSON\n")
    listed = CliRunner().invoke(cli.cli, ["list", "--log", str(prefix)])
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr == f"{prefix}: its index names no request of this time\n"


def test_pictures_are_forgotten_when_the_log_has_gone(tmp_path: Path) -> None:
    picture = tmp_path / forgetting.PICTURES / forgetting.picture_name("request-1", 0)
    picture.parent.mkdir()
    picture.touch()
    forget = ["forget", "request-1", "--log", str(tmp_path), "--output", str(tmp_path)]
    with pytest.raises(BadInputError, match="found no such file; removed: 1 from"):
        CliRunner().invoke(cli.cli, forget, catch_exceptions=False)
    assert not picture.exists()


def test_in_the_hour_that_a_collector_writes_a_request_is_forgotten_too(
    tmp_path: Path,
) -> None:
    write_log(tmp_path / ".20261126T10" / "requests", range(2))
    asked = ["--log", str(tmp_path)]
    listed = CliRunner().invoke(cli.cli, ["list", *asked]).output
    assert len(listed.splitlines()) == 2
    CliRunner().invoke(cli.cli, ["forget", "request-1", *asked])
    assert ids(tmp_path / ".20261126T10" / "requests") == ["request-0"]


def test_what_a_killed_forget_left_goes_with_the_next(tmp_path: Path) -> None:
    shard = tmp_path / "RequestLogExampleGen" / "examples" / "1" / "data.gz"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(gzip.compress(framed(b"")))
    left = shard.with_name("data.gz.forgetting")
    left.write_bytes(b"half of the examples")
    assert forgetting.forget_in_output(str(tmp_path), "request-1") == 0
    assert [*shard.parent.iterdir()] == [shard]


@pytest.mark.parametrize("lost", [1, 40, 200])
def test_examples_that_a_kill_tore_are_forgotten(tmp_path: Path, lost: int) -> None:
    from tensorflow.core.example.example_pb2 import Example

    shard = tmp_path / "RequestLogExampleGen" / "examples" / "1" / "data.gz"
    shard.parent.mkdir(parents=True)
    records = []
    for row in range(3):
        example = Example()
        # Incompressible bytes, so that a cut of the file loses records.
        picture = np.random.default_rng(row).bytes(1000)
        for name, value in (("picture", picture), ("request_id", b"request-%d" % row)):
            example.features.feature[name].bytes_list.value.append(value)
        records.append(framed(example.SerializeToString()))
    shard.write_bytes(gzip.compress(b"".join(records))[:-lost])
    assert forgetting.forget_in_output(str(tmp_path), "request-0") >= 1
    left = gzip.decompress(shard.read_bytes())
    assert b"request-0" not in left
    assert b"request-1" in left


def test_only_requests_that_were_chosen_are_read(prefix: Path) -> None:
    write_log(prefix, range(4))
    found = reading.read(
        reading.find_files(str(prefix)),
        chosen=lambda entry: entry.request_id in ("request-0", "request-3"),
    )
    assert [one.request_id for one in found] == ["request-0", "request-3"]


@pytest.mark.parametrize(
    "line",
    [
        b"[]\n",
        b'{"request_id": "x"}\n',
        b'{"request_id": "x", "model": "m", "version": 1, "signatures": [], '
        b'"timestamp_secs": null, "offset": "none"}\n',
    ],
)
def test_lines_of_another_form_are_no_entries(prefix: Path, line: bytes) -> None:
    write_log(prefix, range(2))
    (path,) = reading.find_files(str(prefix))
    index = Path(reading.index_of(path))
    index.write_bytes(line + index.read_bytes())
    assert ids(prefix) == ["request-0", "request-1"]


def test_half_a_line_of_a_full_disk_costs_one_id(prefix: Path) -> None:
    write_log(prefix, range(3))
    (path,) = reading.find_files(str(prefix))
    index = Path(reading.index_of(path))
    first, second, third = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(first + second[:20] + second + third)
    assert ids(prefix) == ["request-0", None, "request-2"]
