"""The pipeline and its versions are uploaded, for others to run."""

import re
from pathlib import Path
from typing import Any

from tests.runner.kubeflow.conftest import Run, WritePackage
from tests.runner.kubeflow.fake_kfp import FakeKfp


def upload(run: Run, fake: FakeKfp, package: Path, *more: str) -> Any:
    return run("upload", "--package", str(package), "--host", fake.host, *more)


def test_the_pipeline_and_its_first_version(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    package = write_package()
    ended = upload(run, fake, package, "--namespace", "team-a")
    assert (ended.code, ended.errors) == (0, "")
    names = [version["display_name"] for version in fake.versions]
    # KFP makes a first version; the second one's name tells its content.
    assert names[0] == "mnist"
    assert re.fullmatch(r"mnist-[0-9a-f]{12}", names[1])
    assert ended.screen == (
        f"mnist: version {names[1]} uploaded\n"
        "  pipeline pipeline-1\n  version  version-2\n"
        f"  {fake.host}/#/pipelines/details/pipeline-1/version/version-2\n"
    )
    [sent] = fake.sent("POST", "/pipelines/upload")
    assert sent.query["namespace"] == "team-a"
    assert package.read_bytes() in sent.body


def test_the_same_again_is_known_and_another_is_a_version(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    first = upload(run, fake, write_package())
    again = upload(run, fake, write_package())
    other = upload(run, fake, write_package(data="digits"))
    named = upload(run, fake, write_package(), "--version", "release-1")

    assert "is there already" in again.screen
    assert again.screen.split()[-1] == first.screen.split()[-1]
    assert "version  version-3\n" in other.screen
    assert "version release-1 uploaded" in named.screen
    assert len(fake.pipelines) == 1
    assert len(fake.versions) == 4


def test_the_pipeline_root_is_a_runs_and_not_a_packages(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    ended = upload(run, fake, write_package(), "--pipeline-root", "s3://b/root")
    assert ended.code == 2
    assert ended.errors.startswith("error: --pipeline-root: expected with `submit`")
    assert fake.requests == []

    noted = upload(run, fake, write_package(root="s3://bucket/root"))
    assert noted.code == 0
    assert noted.errors.startswith(
        "note: KFP does not read the pipeline root of the package (s3://bucket/root)"
    )


def test_a_server_that_is_too_old(
    fake: FakeKfp, run: Run, write_package: WritePackage
) -> None:
    fake.tag_name = "2.5.0"
    ended = upload(run, fake, write_package())
    assert ended.code == 2
    assert "expected Kubeflow Pipelines 2.14 or later, found 2.5" in ended.errors
    assert fake.versions == []
