"""The Job that runs the pipeline without Kubeflow."""

from contract.exits import Exit
from tests.k8s.conftest import Rendered
from tests.k8s.pods import flag, the_pod
from tests.k8s.rendering import the


def test_the_job_pushes_to_where_servers_look(rendered: Rendered) -> None:
    pod = the_pod(rendered("train"))
    (container,) = pod["containers"]
    output = flag(container, "output")
    # runner/workspace.py: <output>/models/<name>/<version>.
    (mount,) = (
        mount
        for mount in container["volumeMounts"]
        if mount["mountPath"] == f"{output}/models"
    )
    (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
    assert volume["persistentVolumeClaim"] == {"claimName": "mnist-models"}
    assert "readOnly" not in mount


def test_the_job_does_not_repeat_what_cannot_succeed(rendered: Rendered) -> None:
    spec = the(rendered("train"), "Job")["spec"]
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["values"] == [
        Exit.BAD_INPUT.value,
        Exit.REFUSED.value,
    ]
    names = {c["name"] for c in spec["template"]["spec"]["containers"]}
    assert rule["onExitCodes"]["containerName"] in names
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
