"""The command as a process, with a script in place of the real server."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving.launch.conftest import push, server_binary

ROOT = Path(__file__).resolve().parents[3]


class TestProcess:
    """The command as a process, with a script in place of the real server."""

    @pytest.fixture
    def ports(self) -> tuple[int, int]:
        with socket.socket() as one, socket.socket() as other:
            for probe in (one, other):
                probe.bind(("127.0.0.1", 0))
            return (one.getsockname()[1], other.getsockname()[1])

    def start(self, models: Path, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "serving.launch", f"--models={models}", *arguments],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def test_signals_and_exit_codes_are_the_servers(
        self,
        models: Path,
        path: Callable[[str, str], Path],
        ports: tuple[int, int],
    ) -> None:
        script = server_binary("2.17.0").replace("; exit 0", " && exit 0")
        path(
            "tensorflow_model_server",
            f"{script}\n/bin/sleep 60 >/dev/null 2>&1 &\nchild=$!\n"
            "trap 'kill $child; exit 7' TERM\necho serving \"$7\"\nwait",
        )
        process = self.start(
            models,
            f"--port={ports[0]}",
            f"--rest_api_port={ports[1]}",
            "--",
            "--enable_batching",
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 7
        assert errors == ""
        assert lines[0].startswith(
            "Serving mnist version 1700000000 with tensorflow_model_server 2.17.0"
        )
        assert lines[1].split() == [
            "gRPC",
            f"localhost:{ports[0]}",
            "REST",
            f"http://localhost:{ports[1]}",
        ]
        assert lines[2].endswith(
            f"predict PICTURE --model mnist --server localhost:{ports[0]}\n"
        )
        assert lines[4] == "serving --enable_batching\n"

    def test_a_port_in_use_is_one_line(
        self, models: Path, path: Callable[[str, str], Path]
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            _, errors = (process := self.start(models, f"--port={port}")).communicate()
        assert process.returncode == 1
        assert errors == (
            f"python -m serving.launch: port {port} is in use: stop what serves "
            "there, or choose --port and --rest_api_port\n"
        )

    def test_nothing_pushed_is_one_line(
        self, tmp_path: Path, path: Callable[[str, str], Path]
    ) -> None:
        process = self.start(tmp_path / "none")
        _, errors = process.communicate()
        assert process.returncode == 1
        assert errors == (
            f"python -m serving.launch: no model was pushed to {tmp_path / 'none'} "
            "yet: run `make run` first\n"
        )

    def test_what_lies_where_one_stands_is_not_imported(
        self, models: Path, ports: tuple[int, int], tmp_path: Path
    ) -> None:
        """A user's numbers.py or contract.py does not shadow Python's or our module."""
        for name in ("numbers.py", "contract.py", "types.py"):
            (tmp_path / name).write_text("raise SystemExit('imported: ' + __file__)")
        output = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "serving.launch", "--server=embedded"),
                *(f"--models={models}", "--dry-run"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        command = output.splitlines()[-1]
        result = subprocess.run(
            ["/bin/sh", "-c", f"{command} --version"],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert "tensorflow-serving-api" in result.stdout

    def test_the_printed_command_asks_from_where_one_stands(
        self, tmp_path: Path
    ) -> None:
        push(tmp_path / "models", "my letters", "1")
        output = subprocess.run(
            [
                *(sys.executable, "-m", "serving.launch", "--server=embedded"),
                *("--models=models", "--dry-run"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (line,) = (line for line in output.splitlines() if "ask it:" in line)
        command = line.partition("ask it:")[2].replace(" PICTURE ", " x.png ")
        result = subprocess.run(
            ["/bin/sh", "-c", command + " --retries 0"],
            cwd=tmp_path,
            env={**os.environ, "SERVING_ADDRESS": "localhost:1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 4
        assert "localhost:1: UNAVAILABLE" in result.stderr
        assert "--model 'my letters'" in command
        assert "page:   http://localhost:8501/?model=my+letters" in output

    def test_a_reader_that_went_away_keeps_nothing_from_being_served(
        self, models: Path, path: Callable[[str, str], Path], ports: tuple[int, int]
    ) -> None:
        script = server_binary("2.17.0").replace("; exit 0", " && exit 0")
        path("tensorflow_model_server", f"{script}\nexit 7")
        process = self.start(
            models, f"--port={ports[0]}", f"--rest_api_port={ports[1]}"
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(20) == 7

    def test_a_dry_run_prints_the_command(
        self, models: Path, path: Callable[[str, str], Path]
    ) -> None:
        process = self.start(models, "--dry-run", "--server=embedded")
        output, _ = process.communicate()
        assert process.returncode == 0
        assert " -P -m serving.server --port=8500 " in output.splitlines()[-1]
        assert "page:   http://localhost:8501/?model=mnist\n" in output
