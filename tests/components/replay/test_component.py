"""The component's keys, and the changes after which it executes again."""

from tfx.types import channel_utils, standard_artifacts

from components.replay.component import Replay


def test_the_parameters_reach_the_executor() -> None:
    replay = Replay(
        model=channel_utils.as_channel([standard_artifacts.Model()]),
        champion=channel_utils.as_channel([standard_artifacts.Model()]),
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        log="/log",
        log_state="of now",
        model_name="mnist",
        max_pictures=100,
        min_agreement=0.9,
        min_class_agreement=0.8,
        max_share_shift=0.1,
    )
    found = dict(replay.exec_properties)
    assert len(found.pop("code")) == 16
    assert found == {
        "log": "/log",
        "log_state": "of now",
        "model_name": "mnist",
        "max_pictures": 100,
        "min_agreement": 0.9,
        "min_class_agreement": 0.8,
        "max_share_shift": 0.1,
    }
