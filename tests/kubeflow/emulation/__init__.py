"""Emulates open-source Kubeflow Pipelines on one machine, as far as nodes see it.

`kfp.local` also runs containers, but passes local paths and complete types. The real
driver and launcher do not, and that breaks TFX on a cluster. The modules here follow
the rules in the source of driver and launcher (kubeflow/pipelines, backend/src/v2):
the types of inputs are empty, URIs are remote, artifacts are copied file by file
through an object store (here a folder), and a failed node leaves no outputs.
"""
