"""The Job that runs the pipeline without Kubeflow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract.exits import Exit
from runner.cli import cli
from tests.k8s.conftest import Rendered
from tests.k8s.pods import flag, the_pod, the_server
from tests.k8s.rendering import ROOT, Manifest, model_name, the


@pytest.mark.parametrize("name", ["train", "train of letters"])
def test_the_job_pushes_to_where_servers_look(rendered: Rendered, name: str) -> None:
    pod = the_pod(rendered(name))
    (container,) = pod["containers"]
    assert container["env"] == [{"name": "MODEL_NAME", "value": model_name(name)}]
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


def test_the_job_takes_only_flags_that_the_runner_has(rendered: Rendered) -> None:
    known = {option for param in cli.commands["run"].params for option in param.opts}
    for name in ("train", "train of letters"):
        for word in the_server(rendered(name))["args"]:
            assert word.partition("=")[0] in known


def expanded(manifests: list[Manifest]) -> list[str]:
    """Returns the command line of the Job's container, as kubelet expands it."""
    (container,) = the_pod(manifests)["containers"]
    text = json.dumps([*container["command"], *container["args"]])
    for variable in container["env"]:
        text = text.replace(f"$({variable['name']})", variable["value"])
    words: list[str] = json.loads(text)
    return words


def test_the_model_is_called_what_the_servers_serve(rendered: Rendered) -> None:
    # A published data set gives its name to the model.
    assert "--dataset=mnist" in expanded(rendered("train"))
    assert "--model=letters" in expanded(rendered("my-train"))


def test_a_name_without_data_is_refused(rendered: Rendered, tmp_path: Path) -> None:
    python, *words = expanded(rendered("train"))
    assert python == "python"
    words = [word.replace("=mnist", "=letters") for word in words]
    result = subprocess.run(
        [sys.executable, *(w.replace("/output", str(tmp_path)) for w in words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == Exit.BAD_INPUT.value
    assert "letters" in result.stderr


def test_data_of_its_own_takes_the_place_of_mnist(rendered: Rendered) -> None:
    pod = the_pod(rendered("train of letters"))
    (container,) = pod["containers"]
    folder = flag(container, "data").removesuffix("/$(MODEL_NAME)")
    assert flag(container, "model") == "$(MODEL_NAME)"
    assert not any(word.startswith("--dataset") for word in container["args"])
    (mount,) = (m for m in container["volumeMounts"] if m["mountPath"] == folder)
    (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
    claim = the(rendered("storage/data"), "PersistentVolumeClaim")["metadata"]["name"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim}
    assert mount["readOnly"] is True
    # It is copied there from the toolbox, to the same path.
    toolbox = the_server(rendered("toolbox of letters"))
    assert folder in {m["mountPath"] for m in toolbox["volumeMounts"]}


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
