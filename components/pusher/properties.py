"""The custom properties of a PushedModel, TFX's and ours."""

PUSHED_PROPERTY = "pushed"
PUSHED_VERSION_PROPERTY = "pushed_version"
PUSHED_DESTINATION_PROPERTY = "pushed_destination"
ALREADY_SERVED_PROPERTY = "already_served"
