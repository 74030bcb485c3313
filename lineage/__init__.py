"""Shows the origin of models: runs and versions, from ML Metadata and manifests."""
