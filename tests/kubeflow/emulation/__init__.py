"""Open-source Kubeflow Pipelines on one machine, as far as a node can tell.

`kfp.local` runs containers as well, but gives them local paths and whole types;
what breaks TFX on a cluster is that the real driver and launcher do not. These
follow their rules, read from their source (kubeflow/pipelines, backend/src/v2):
the types of inputs arrive empty, URIs are remote, artifacts move file by file
through an object store (here a folder), a failed node leaves nothing.
"""
