"""The image: its metadata, its abilities, and the files that it must not have."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bootstrap.image import package_version
from pipeline.schema import judgement
from runner.kubeflow.fingerprints import project_digest

ROOT = Path(__file__).resolve().parents[2]


def run(
    engine: str, image: str, *command: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs a command in the image in the way of a restricted pod, without network."""
    restricted = ["--read-only", "--cap-drop", "all", "--network", "none"]
    restricted += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp"]
    return subprocess.run(
        [engine, "run", "--rm", *restricted, *options, image, *command],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def description(engine: str, image: str) -> dict[str, Any]:
    answer = subprocess.run(
        [engine, "image", "inspect", image], capture_output=True, check=True
    )
    (found,) = json.loads(answer.stdout)
    return dict(found)


def test_it_runs_as_a_user_by_number(description: dict[str, Any]) -> None:
    """Kubernetes cannot know whether a user name is root, so the user is numeric."""
    assert description["Config"]["User"] == "65532:65532"


def test_its_labels_say_version_and_commit(description: dict[str, Any]) -> None:
    labels = description["Config"]["Labels"]

    assert labels["org.opencontainers.image.version"] == package_version(
        ROOT / "setup.py"
    )
    assert re.fullmatch(
        "[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"]
    )


def test_its_code_is_this_code(engine: str, image: str) -> None:
    """Its code includes package data, such as the report's style sheet."""
    ask = (
        "from runner.kubeflow.fingerprints import project_digest as d; "
        "from pipeline.schema import judgement as s; print(d()); print(s(), end='')"
    )

    answer = run(engine, image, "python", "-c", ask)

    digest, _, schema = answer.stdout.partition("\n")
    assert (digest, schema) == (project_digest(), judgement())


def test_its_packages_fit_together(engine: str, image: str) -> None:
    """The same check as `pip check`, as the environment has no pip."""
    ask = """
import importlib.metadata as m
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
here = {canonicalize_name(d.name): d.version for d in m.distributions()}
for d in m.distributions():
    for text in d.requires or ():
        r = Requirement(text)
        if r.marker and not r.marker.evaluate({"extra": ""}):
            continue
        found = here.get(canonicalize_name(r.name))
        if found is None or not r.specifier.contains(found, prereleases=True):
            print(d.name, "wants", r, "found", found)
"""
    answer = run(engine, image, "python", "-c", ask)

    assert (answer.returncode, answer.stderr, answer.stdout) == (0, "", "")


def test_everything_is_byte_compiled(engine: str, image: str) -> None:
    """The root is read-only, so other files would be compiled in every pod."""
    find = (
        "cd /app && find . -name '*.py' -path '*/project/*' | while read f; do "
        'd=$(dirname "$f"); b=$(basename "$f" .py); '
        'ls "$d/__pycache__/$b".*.pyc >/dev/null 2>&1 || echo "$f"; done'
    )

    assert run(engine, image, "sh", "-c", find).stdout == ""


@pytest.mark.parametrize("tool", ["g++", "cc", "make", "git", "pip", "uv", "curl"])
def test_what_builds_is_not_in_it(engine: str, image: str, tool: str) -> None:
    answer = run(engine, image, "sh", "-c", f"command -v {tool} || echo none")

    assert answer.stdout == "none\n"


def test_the_secrets_of_its_build_are_not_in_it(engine: str, image: str) -> None:
    find = "cat /run/secrets/* /etc/pip.conf 2>/dev/null; ls /run/secrets 2>/dev/null"

    assert run(engine, image, "sh", "-c", find).stdout == ""


def test_nothing_but_tmp_and_the_models_is_writable(engine: str, image: str) -> None:
    """This also holds where the root is not mounted read-only."""
    find = "find / -xdev -writable -not -type l 2>/dev/null | grep -v '^/proc\\|^/dev'"
    answer = subprocess.run(
        [engine, "run", "--rm", "--network", "none", image, "sh", "-c", find],
        capture_output=True,
        text=True,
        check=False,
    )

    # The distribution makes these world-writable.
    usual = {"/tmp", "/var/tmp", "/run/lock"}
    assert set(answer.stdout.split()) - usual == {"/models"}


def test_a_node_that_is_given_another_code_says_so(engine: str, image: str) -> None:
    flags = ["--executor_input={}", "--node=Trainer", "--properties=x"]

    answer = run(
        engine,
        image,
        *("python", "-m", "runner.kubeflow.entrypoint"),
        *flags,
        "--project_digest=0123456789abcdef",
    )

    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "error: image: expected the code that the pipeline was compiled from "
        f"(0123456789abcdef), found other code ({project_digest()}): build and push "
        "the image again, under a new tag, or compile the pipeline again"
    ]
