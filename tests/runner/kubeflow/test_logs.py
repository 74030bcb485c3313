"""A pod's log is read in whichever of KFP's ways is available."""

import pytest

from runner.kubeflow.connection import Connection
from runner.kubeflow.logs import pod_log
from tests.runner.kubeflow.fake_kfp import FakeKfp


def log_of_server(fake: FakeKfp) -> str:
    """Returns the API server's log of a pod, in a Kubeflow with profiles."""
    fake.interface, fake.multi_user = False, True
    return pod_log(Connection(fake.host, namespace="team-a"), "run-1", "pod")


def test_the_log_is_the_pods_words(fake: FakeKfp) -> None:
    fake.logs["pod"] = "first\nlast\n"
    assert log_of_server(fake) == "first\nlast\n"


def test_an_error_with_status_200_is_no_log(fake: FakeKfp) -> None:
    """KFP sends the status before it looks for the pod."""
    with pytest.raises(LookupError, match=r'^pods "pod" not found$'):
        log_of_server(fake)


def test_an_error_behind_a_part_of_the_log_leaves_that_part(fake: FakeKfp) -> None:
    fake.logs["pod"] = 'first\n{"error_message":"the stream broke","error_details":""}'
    assert log_of_server(fake) == "first\n"


def test_a_log_that_speaks_of_errors_in_json_is_a_log(fake: FakeKfp) -> None:
    fake.logs["pod"] = 'asked: {"error_message":"x"} and went on\n'
    assert log_of_server(fake) == fake.logs["pod"]


@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_a_user_interface_has_a_route_of_its_own(fake: FakeKfp, namespace: str) -> None:
    fake.logs["pod"] = "last\n"
    connection = Connection(fake.host, namespace=namespace)
    assert pod_log(connection, "run-1", "pod") == "last\n"
    assert fake.requests[-1].query["podnamespace"] == (namespace or "kubeflow")


def test_without_profiles_the_api_server_has_no_logs(fake: FakeKfp) -> None:
    """Seen on 2.17.0: the server looks for the pod in a namespace without a name."""
    fake.interface = False
    fake.logs["pod"] = "last\n"
    with pytest.raises(LookupError, match="logs at service ml-pipeline-ui only"):
        pod_log(Connection(fake.host), "run-1", "pod")
