"""Servers that can run the compiled pipelines, and servers that cannot."""

import pytest

from contract.errors import BadInputError
from runner.kubeflow.versions import check, check_store, of_server

HOST = "http://localhost:8888"


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("2.17.0", (2, 17)),
        ("v2.16.1", (2, 16)),
        ("2.14.0-rc.1", (2, 14)),
        ("unknown", None),
        ("dev", None),
    ],
)
def test_the_version_is_the_releases_name(
    told: str, version: tuple[int, int] | None
) -> None:
    assert of_server({"tag_name": told}) == version


def test_the_user_interface_tells_that_of_its_server() -> None:
    told = {"apiServerTagName": "2.17.0", "frontendTagName": "", "multi_user": False}
    assert of_server(told) == (2, 17)


def test_a_server_that_tells_none() -> None:
    assert of_server({"multi_user": False}) is None


@pytest.mark.parametrize("version", [(2, 14), (2, 16), (2, 17), (2, 18), (3, 0), None])
def test_what_is_known_to_run_or_not_known_passes(
    version: tuple[int, int] | None,
) -> None:
    check(HOST, version)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ((2, 0), "its launcher cannot write"),
        ((2, 2), "its launcher cannot write"),
        ((2, 4), "it does not fill in the name of the run"),
        ((2, 5), "it names pods after nodes"),
    ],
)
def test_what_is_older_is_refused_with_the_reason(
    version: tuple[int, int], reason: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        check(HOST, version)
    found = f"{version[0]}.{version[1]}"
    assert str(caught.value).startswith(
        f"{HOST}: expected Kubeflow Pipelines 2.14 or later, found {found}: {reason}"
    )


def test_a_bucket_of_its_own_needs_a_driver_that_came_later() -> None:
    with pytest.raises(BadInputError, match=r"2\.17 or later for minio:// in another"):
        check_store(HOST, (2, 16), "minio://datasets/mnist")
    check_store(HOST, (2, 17), "minio://datasets/mnist")
    check_store(HOST, (2, 16), "s3://datasets/mnist")
    check_store(HOST, None, "minio://datasets/mnist")
