"""Where a model came from: runs and versions, from ML Metadata and manifests."""
