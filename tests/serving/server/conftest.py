"""The SavedModels, and the server that most of these tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Set before TensorFlow is imported: its log lines would hide a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tests.serving.server import saved_models
from tests.serving.server.running import RunningServer

CONFIG = """
model_config_list {{
  config {{ name: "adder" base_path: "{root}/adder" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 3 }}
  }}
  config {{ name: "types" base_path: "{root}/types" model_platform: "tensorflow" }}
  config {{ name: "digits" base_path: "{root}/digits" model_platform: "tensorflow" }}
  config {{ name: "conv" base_path: "{root}/conv" model_platform: "tensorflow" }}
}}
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: adder (versions 1 and 3), types, digits and conv."""
    root = tmp_path_factory.mktemp("library")
    saved_models.save_adder(root / "adder" / "1", 1.0)
    saved_models.save_adder(root / "adder" / "00000003", 3.0)
    saved_models.save_types(root / "types" / "1")
    saved_models.save_digits(root / "digits" / "1700000000")
    saved_models.save_convolution(root / "conv" / "1")
    return root


@pytest.fixture(scope="session")
def server(
    library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server of the whole library, with everything on that has a switch."""
    folder = tmp_path_factory.mktemp("config")
    models = folder / "models.config"
    models.write_text(CONFIG.format(root=library))
    monitoring = folder / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    html = folder / "page.html"
    html.write_text("<style>p { color: red }</style><p>Hello</p><script>1</script>")
    with RunningServer(
        model_config_file=str(models),
        monitoring_config_file=str(monitoring),
        allow_version_labels_for_unavailable_models=False,
        max_message_bytes=1 << 20,
        grpc_socket_path=str(folder / "grpc.sock"),
        page=str(html),
    ) as running:
        yield running


@pytest.fixture(scope="session")
def adders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, int], Path]:
    """A way to push version N of the adder, which adds N, into a base path."""
    cache = tmp_path_factory.mktemp("adders")

    def push(base: Path, version: int) -> Path:
        source = cache / str(version)
        if not source.exists():
            saved_models.save_adder(source, float(version))
        # Copied under another name, then renamed: a push is one step.
        base.mkdir(parents=True, exist_ok=True)
        staging = base / f"copying-{version}"
        shutil.copytree(source, staging)
        return staging.rename(base / str(version))

    return push
