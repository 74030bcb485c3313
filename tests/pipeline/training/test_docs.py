"""The examples of `docs/training.md` work as printed."""

import re
from pathlib import Path

import pytest

from contract.model_run import read_summary
from pipeline.config import load_config
from tests.pipeline.conftest import Case

PAGE = Path(__file__).parents[3] / "docs/training.md"


def examples() -> dict[str, str]:
    """Returns each section of the page with a configuration, by its title."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    return {s.partition("\n")[0]: s for s in sections if "```toml" in s}


@pytest.mark.parametrize("title", examples())
def test_an_example_trains_as_printed(
    title: str,
    shapes_case: Case,
    digits_case: Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The training is shortened to three epochs, on two tasks."""
    text = examples()[title]
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        name = code.partition("\n")[0].removeprefix("# ")
        Path(name).write_text(code)
    [toml] = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    Path("run.toml").write_text(toml)
    printed = load_config("run.toml").training

    for case in (shapes_case, digits_case):
        shortened = printed.model_copy(update={"epochs": 3})
        summary = read_summary(str(case.train(shortened).run))
        assert summary["network"] == printed.model
        assert summary["optimizer"] == printed.optimizer
        assert summary["schedule"]["kind"] == printed.schedule.kind
        assert (summary["class_weights"] is None) == (printed.class_weights == "none")
        assert 1 <= summary["kept"]["epoch"] <= 3
