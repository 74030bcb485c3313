"""The configuration: defaults, the file, then single settings; all are checked."""

from pathlib import Path
from typing import Any

import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import create_runner
from pydantic import ValidationError

from contract.errors import BadInputError
from pipeline.beam import Beam
from pipeline.config import Config, load_config
from pipeline.gate_settings import Gates
from pipeline.training.settings import Training

OF_TRAINING = ", ".join(Training.model_fields)
SECTIONS = ", ".join(Config.model_fields)
EXPECTED_SETTING = "expected section.key=value, as training.epochs=5"
EXPECTED_TABLE = (
    'expected section.key={key="text"}, as training.schedule={kind="cosine"}'
)
NAME = "at most 58 of a-z, 0-9 and -, the first and the last no -"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file, known as `run.toml`."""
    monkeypatch.chdir(tmp_path)
    return Path("run.toml")


def test_defaults_are_the_notebooks_network_and_the_issues_bounds() -> None:
    config = load_config()

    assert config.training == Training(
        epochs=25, batch_size=32, learning_rate=1e-3, hidden_units=(128, 32), seed=1
    )
    assert config.gates == Gates(
        min_accuracy=0.97,
        min_class_accuracy=0.93,
        max_champion_loss=0.005,
        allow_anomalies=False,
    )
    assert (config.data.path, config.data.dataset, config.data.name) == (
        None,
        "auto",
        None,
    )
    assert config.data.eval_fraction == 0.2


def test_a_file_changes_what_it_names_and_nothing_else(file: Path) -> None:
    file.write_text(
        """
        [data]
        path = "scans"
        name = "post-codes"

        [training]
        epochs = 5
        learning_rate = 1
        hidden_units = [64]

        [beam]
        workers = 2
        args = ["--temp_location=/tmp/beam"]
        """
    )

    config = load_config(str(file))

    assert (config.data.path, config.data.name) == ("scans", "post-codes")
    assert config.training == Training(epochs=5, learning_rate=1.0, hidden_units=(64,))
    assert config.gates == Gates()
    assert config.beam == Beam(workers=2, args=("--temp_location=/tmp/beam",))


def test_settings_win_over_the_file_and_later_ones_over_earlier(file: Path) -> None:
    file.write_text("[training]\nepochs = 5\nbatch_size = 64\nseed = 2\n")

    config = load_config(
        str(file),
        ["training.epochs=6", "training.batch_size=16", ("training.epochs", 7)],
    )

    assert config.training == Training(epochs=7, batch_size=16, seed=2)


@pytest.mark.parametrize(
    ("setting", "section", "key", "value"),
    [
        ("training.hidden_units=[256, 64]", "training", "hidden_units", (256, 64)),
        ("training.hidden_units=[]", "training", "hidden_units", ()),
        ("gates.allow_anomalies=true", "gates", "allow_anomalies", True),
        ("gates.min_accuracy=0", "gates", "min_accuracy", 0.0),
        ("data.path=~/my scans", "data", "path", "~/my scans"),
        ('data.path="7"', "data", "path", "7"),
        ("data.name=a", "data", "name", "a"),
        ("beam.runner=FlinkRunner", "beam", "runner", "FlinkRunner"),
    ],
)
def test_a_setting_is_a_toml_value_or_plain_text(
    setting: str, section: str, key: str, value: Any
) -> None:
    assert getattr(getattr(load_config(settings=[setting]), section), key) == value


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        ("training", "epoch = 3", f"unknown key, expected one of {OF_TRAINING}"),
        ("training", "epochs = 0", "should be greater than or equal to 1, found 0"),
        ("training", "epochs = 2.5", "should be a valid integer, found 2.5"),
        ("training", "epochs = true", "should be a valid integer, found True"),
        ("training", "epochs = '3'", "should be a valid integer, found '3'"),
        ("training", "batch_size = 0", "should be greater than or equal to 1, found 0"),
        ("training", "learning_rate = 0", "should be greater than 0, found 0"),
        ("training", "learning_rate = nan", "should be a finite number, found nan"),
        ("training", "learning_rate = inf", "should be a finite number, found inf"),
        (
            "training",
            "hidden_units = [128, 0]",
            "should be greater than or equal to 1, found 0",
        ),
        ("training", "hidden_units = 128", "should be an array, found 128"),
        ("training", "seed = -1", "should be greater than or equal to 0, found -1"),
        (
            "training",
            "seed = 4294967296",
            "should be less than 4294967296, found 4294967296",
        ),
        ("gates", "min_accuracy = 97", "should be less than or equal to 1, found 97"),
        (
            "gates",
            "max_champion_loss = -0.1",
            "should be greater than or equal to 0, found -0.1",
        ),
        ("gates", "allow_anomalies = 1", "should be a valid boolean, found 1"),
        ("data", "eval_fraction = 1.0", "should be less than 1, found 1.0"),
        ("data", "shard_rows = 0", "should be greater than or equal to 1, found 0"),
        (
            "data",
            "dataset = 'cifar'",
            "should be 'auto', 'mnist' or 'digits', found 'cifar'",
        ),
        ("data", "name = 'MNIST'", f"expected {NAME}; found 'MNIST'"),
        ("data", "name = 'mnist-'", f"expected {NAME}; found 'mnist-'"),
        ("data", "path = 3", "should be a valid string, found 3"),
        ("beam", "workers = -1", "should be greater than or equal to 0, found -1"),
        (
            "beam",
            "running_mode = 'fast'",
            "should be 'in_memory', 'multi_threading' or 'multi_processing', "
            "found 'fast'",
        ),
    ],
)
def test_a_wrong_line_of_the_file_gets_one_line_that_names_file_and_key(
    file: Path, section: str, line: str, message: str
) -> None:
    file.write_text(f"[{section}]\n{line}\n")
    key = line.partition(" = ")[0]
    with pytest.raises(BadInputError) as caught:
        load_config(str(file))
    assert str(caught.value) == f"run.toml: {section}.{key}: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[trainin]\nepochs = 3", f"trainin: unknown key, expected one of {SECTIONS}"),
        ("epochs = 3", f"epochs: unknown key, expected one of {SECTIONS}"),
        ("training = 3", "training: expected a section [training], found 3"),
        ("[[gates]]", "gates: expected a section [gates], found [{}]"),
        (
            "[training\n",
            "expected TOML, found: Expected ']' at the end of a table declaration "
            "(at line 1, column 10)",
        ),
        (
            "[training]\nseed = 1\nseed = 2\n\n",
            "expected TOML, found: Cannot overwrite a value (at line 3, column 9)",
        ),
    ],
)
def test_a_wrong_file_gets_one_line_that_names_it(
    file: Path, content: str, message: str
) -> None:
    file.write_text(content)
    with pytest.raises(BadInputError) as caught:
        load_config(str(file))
    assert str(caught.value) == f"run.toml: {message}"


def test_a_byte_order_mark_is_no_part_of_the_file(file: Path) -> None:
    """Editors of Windows write one."""
    file.write_bytes(b"\xef\xbb\xbf[training]\r\nepochs = 3\r\n")
    assert load_config(str(file)).training.epochs == 3


def test_a_file_that_is_no_text_is_no_toml(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match=r"^run\.toml: expected TOML, found: "):
        load_config(str(file))


@pytest.mark.parametrize(
    ("path", "reason"),
    [("gone.toml", "No such file or directory"), (".", "Is a directory")],
)
def test_a_file_that_cannot_be_read_is_named(
    file: Path, path: str, reason: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: cannot be read: {reason}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs=3", EXPECTED_SETTING),
        ("training.epochs", EXPECTED_SETTING),
        ("a.b.c=3", EXPECTED_TABLE),
        ("training.epoch=3", f"unknown key, expected one of {OF_TRAINING}"),
        ("trainin.epochs=3", f"unknown key, expected one of {SECTIONS}"),
        ("training.epochs=many", "should be a valid integer, found 'many'"),
        ("training.epochs=", "should be a valid integer, found ''"),
        ("training.epochs=0", "should be greater than or equal to 1, found 0"),
    ],
)
def test_a_wrong_setting_gets_one_line_that_names_it(
    setting: str, message: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        load_config(settings=[setting])
    whole = message in (EXPECTED_SETTING, EXPECTED_TABLE)
    named = setting if whole else setting.partition("=")[0]
    assert str(caught.value) == f"setting {named}: {message}"


def test_what_is_wrong_in_the_file_is_not_blamed_on_a_setting(file: Path) -> None:
    file.write_text("[training]\nepochs = 0\n")
    with pytest.raises(BadInputError, match=r"^run\.toml: training\.epochs: "):
        load_config(str(file), ["training.seed=2"])


def test_a_setting_mends_what_is_wrong_in_the_file(file: Path) -> None:
    file.write_text("[training]\nepochs = 0\n")
    assert load_config(str(file), ["training.epochs=2"]).training.epochs == 2


def test_a_setting_cannot_make_a_section_of_a_value(file: Path) -> None:
    file.write_text("training = 3\n")
    with pytest.raises(BadInputError) as caught:
        load_config(str(file), ["training.epochs=2"])
    assert (
        str(caught.value)
        == "run.toml: training: expected a section [training], found 3"
    )


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (None, "training", Training()),
        ("training", "epochs", 1),
        ("gates", "min_accuracy", 0),
    ],
)
def test_a_configuration_does_not_change(
    section: str | None, key: str, value: Any
) -> None:
    config = Config()
    target = config if section is None else getattr(config, section)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(target, key, value)


def test_other_default_bounds_leave_what_was_set() -> None:
    config = load_config(settings=["gates.min_accuracy=0.5", "training.epochs=2"])

    changed = config.with_gate_defaults(min_accuracy=0.9, min_class_accuracy=0.8)

    assert changed.gates == Gates(min_accuracy=0.5, min_class_accuracy=0.8)
    assert changed.training.epochs == 2
    assert config.gates.min_class_accuracy == 0.93


def test_a_bound_that_was_set_to_its_default_was_set() -> None:
    config = load_config(settings=["gates.min_accuracy=0.97"])
    assert config.with_gate_defaults(min_accuracy=0.9).gates.min_accuracy == 0.97


def test_training_comes_back_from_json_as_it_was() -> None:
    """JSON carries it to the Trainer in `custom_config`."""
    training = Training(epochs=3, hidden_units=(64, 16))
    assert Training.model_validate(training.model_dump(mode="json")) == training


def test_one_worker_in_this_process_is_beams_default() -> None:
    arguments = Beam().pipeline_args()
    assert arguments[0].startswith("--runner=apache_beam.")
    assert isinstance(
        create_runner(arguments[0].removeprefix("--runner=")), FnApiRunner
    )
    assert "--direct_num_workers=1" in arguments
    assert "--direct_running_mode=in_memory" in arguments


def test_another_runner_is_not_given_the_direct_runners_options() -> None:
    beam = Beam(runner="DataflowRunner", args=("--region=somewhere",))
    assert beam.pipeline_args() == [
        "--runner=DataflowRunner",
        "--region=somewhere",
    ]


def test_own_code_is_found_beside_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "net.py").write_text("def build(task, settings):\n    pass\n")
    (own / "mine.py").write_text(
        "from contract.metric import Metric\n\n\nclass Mine(Metric):\n    pass\n"
    )
    (own / "run.toml").write_text(
        '[training]\nmodel = "net.py:build"\n'
        '[[gates.metrics]]\nname = "mine.py:Mine"\nmin = 0.5\n'
    )
    monkeypatch.chdir(tmp_path)
    config = load_config("own/run.toml")
    assert config.training.model == "own/net.py:build"
    bound = config.gates.bounds()[-1]
    assert (bound.name, bound.path) == ("Mine", "own/mine.py:Mine")
