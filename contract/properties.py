"""Custom properties of artifacts and contexts, TFX's and ours, and parameters' keys."""

FINGERPRINT = "fingerprint"
"""Of Examples: SHA-256 of the content, whatever its wrapping."""

COUNTS = "counts"
"""Of Examples: JSON, examples by split."""

TEST_ROWS_IN_TRAINING = "test_rows_in_training"
"""Of Examples: rows of the test split whose very image is in the training part."""

CHAMPION_VERSION = "champion_version"
"""Of both outputs of Champion: the version; empty if there is none to compare with."""

LEFT_OUT = "left_out"
"""Of the same: why the version that is served is not compared with; mostly empty."""

CHAMPION_ACCURACY = "champion_accuracy"
"""Of Champion's model: on its own test split, when it was pushed; -1 is unknown."""

OVERRIDDEN = "overridden"
FINDINGS = "findings"
"""Of DataGate's verdict: whether the run went on in spite of that many findings."""

BLESSED = "blessed"
"""Of a blessing, as TFX's Pusher reads it: 0 or 1."""

HELD_BACK = "held_back"
"""Of a PushedModel that is none: why this very model is not to be served."""

PUSHED = "pushed"
PUSHED_VERSION = "pushed_version"
PUSHED_DESTINATION = "pushed_destination"
ALREADY_SERVED = "already_served"
"""Of a PushedModel; the first three are TFX's."""

ARRIVED_AS = "arrived_as"
"""Of the same: the label that it was pushed for; empty where nothing is labelled."""

NOT_SHOWN = "not_shown"
"""Of Report's classification: what was too much for Kubeflow's page; mostly missing."""

RUN = "run"
"""Of a `pipeline_run` context: the runner's name of the run."""

CODE = "code"
"""The parameter with the digest of a node's code: a part of its cache key."""
