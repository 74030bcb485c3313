"""What a server's configuration says about which versions it serves."""

from collections.abc import Sequence

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from contract.errors import BadInputError


def served_versions(
    config: str | None, model: str, numbers: Sequence[int]
) -> frozenset[int]:
    """Returns which versions are served: the one definition of it.

    Without a configuration that is the highest, as for a server with default settings.
    With one it is what the model's `model_version_policy` and its `version_labels`
    name (tensorflow_serving/config/model_server_config.proto); of a model that the
    configuration does not have, nothing.

    Args:
        config: The file that the server got as `--model_config_file`; None for none.
        model: Name of the model.
        numbers: The versions that are there.

    Raises:
        BadInputError: The file cannot be read.
    """
    if config is None:
        return frozenset(sorted(numbers)[-1:])
    for one in _read(config).model_config_list.config:
        if one.name == model:
            policy = one.model_version_policy
            kind = policy.WhichOneof("policy_choice")
            if kind == "specific":
                wanted = set(policy.specific.versions)
            elif kind == "all":
                wanted = set(numbers)
            else:
                wanted = set(sorted(numbers)[-max(1, policy.latest.num_versions) :])
            wanted |= set(one.version_labels.values())
            return frozenset(wanted & set(numbers))
    return frozenset()


def _read(path: str) -> model_server_config_pb2.ModelServerConfig:
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except OSError as error:
        raise BadInputError(
            f"{path}: expected a server's model configuration, found: {error.strerror}"
        ) from error
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise BadInputError(
            f"{path}: expected a ModelServerConfig in text format, found: {error}"
        ) from error
