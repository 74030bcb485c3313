"""A pod's log, by whichever of KFP's ways there is."""

from collections.abc import Iterator

import pytest

from runner.kubeflow.connection import Connection
from runner.kubeflow.logs import pod_log
from tests.runner.kubeflow.fake_kfp import FakeKfp, serve


@pytest.fixture
def fake() -> Iterator[FakeKfp]:
    fake = FakeKfp()
    server = serve(fake)
    yield fake
    server.shutdown()
    server.server_close()


def test_the_log_is_the_pods_words(fake: FakeKfp) -> None:
    fake.logs["pod"] = "first\nlast\n"
    assert pod_log(Connection(fake.host), "run-1", "pod") == "first\nlast\n"


def test_an_error_with_status_200_is_no_log(fake: FakeKfp) -> None:
    """KFP sends the status before it looks for the pod."""
    with pytest.raises(LookupError, match=r'^pods "pod" not found$'):
        pod_log(Connection(fake.host), "run-1", "pod")


def test_an_error_behind_a_part_of_the_log_leaves_that_part(fake: FakeKfp) -> None:
    fake.logs["pod"] = 'first\n{"error_message":"the stream broke","error_details":""}'
    assert pod_log(Connection(fake.host), "run-1", "pod") == "first\n"


def test_a_log_that_speaks_of_errors_in_json_is_a_log(fake: FakeKfp) -> None:
    fake.logs["pod"] = 'asked: {"error_message":"x"} and went on\n'
    assert pod_log(Connection(fake.host), "run-1", "pod") == fake.logs["pod"]


def test_a_user_interface_has_a_route_of_its_own(fake: FakeKfp) -> None:
    fake.has_log_route = False
    fake.logs["pod"] = "last\n"
    assert pod_log(Connection(fake.host), "run-1", "pod") == "last\n"
