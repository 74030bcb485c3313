"""Keys of the custom properties of artifacts and contexts, TFX's and ours."""

FINGERPRINT = "fingerprint"
"""On Examples: SHA-256 of the content, independent of the file format."""

COUNTS = "counts"
"""On Examples: JSON with the number of examples by split."""

TEST_ROWS_IN_TRAINING = "test_rows_in_training"
"""On Examples: test rows whose identical image is also in the training part."""

CHAMPION_VERSION = "champion_version"
"""On both outputs of Champion: the version; empty if there is none to compare with."""

LEFT_OUT = "left_out"
"""On both outputs of Champion: why no comparison with the served version is made;
usually empty."""

CHAMPION_ACCURACY = "champion_accuracy"
"""On Champion's model: accuracy on its own test split at its push; -1 if unknown."""

OVERRIDDEN = "overridden"
FINDINGS = "findings"
"""On DataGate's verdict: the number of findings, and whether the run went on anyway."""

BLESSED = "blessed"
"""On a blessing, 0 or 1; TFX's Pusher reads it."""

HELD_BACK = "held_back"
"""On a PushedModel that was not pushed: why this model must not be served."""

PUSHED = "pushed"
PUSHED_VERSION = "pushed_version"
PUSHED_DESTINATION = "pushed_destination"
ALREADY_SERVED = "already_served"
"""On a PushedModel; TFX defines the first three."""

ARRIVED_AS = "arrived_as"
"""On a PushedModel: the label that it was pushed for; empty if there are no labels."""

NOT_SHOWN = "not_shown"
"""On Report's classification: parts too large for Kubeflow's page; usually missing."""

RUN = "run"
"""On a `pipeline_run` context: the runner's name of the run."""

CODE = "code"
"""Key of the parameter with the digest of a node's code, a part of its cache key."""
