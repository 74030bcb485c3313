# The image of the project: every node of the pipeline on Kubeflow runs from it, and so does
# the embedded server. `make image` builds it.
#
#   build    compiler and Python headers, for the packages that come as source
#   runtime  Debian's Python, the environment, the project, and nothing else
#
# The project's own set-up installs the lock. If you use your own package index or
# certificates, `make image` passes pip's configuration as the secrets `pip`,
# `certificates` and `client-certificate`, which do not remain in the image.

FROM debian:trixie-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      ca-certificates g++ python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV PIP_CONFIG_FILE=/run/secrets/pip \
    PYTHONUNBUFFERED=1
COPY bootstrap bootstrap
COPY requirements requirements
COPY setup.py .
# The sources are not copied yet, so that an edit of them does not install the lock again.
# Files that only compilers or maintainers of the packages need are removed: TensorFlow's
# C++ headers (430 MB) and the tests of the large packages (100 MB).
RUN --mount=type=secret,id=pip --mount=type=secret,id=certificates \
    --mount=type=secret,id=client-certificate \
    python3 -m bootstrap --lock current \
 && .uv/uv-*/bin/uv pip uninstall --python .venv/bin/python mnist-tfx-pipeline \
 && cd .venv/lib/python3*/site-packages \
 && rm -r tensorflow/include \
 && find matplotlib numpy pandas pyarrow scipy sklearn -type d -name tests -prune \
      -exec rm -r {} + \
 && rm -rf ~/.cache
COPY components components
COPY contract contract
COPY lineage lineage
COPY pipeline pipeline
COPY runner runner
COPY serving serving
COPY version_store version_store
# A layer beside the environment, so that an edit adds 2 MB and not 3 GB.
RUN .uv/uv-*/bin/uv pip install --python .venv/bin/python --target project --offline \
      --no-cache --no-deps --no-build-isolation --compile-bytecode . \
 # uv's, which anybody may write.
 && rm -f .venv/.lock project/.lock


FROM debian:trixie-slim AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 python3 \
 && rm -rf /var/lib/apt/lists/*
# The user is numeric, so that Kubernetes can see that it is not root. It owns only the mount
# point of the models, for engines that copy its owner to a volume.
RUN install --directory --owner=65532 --group=65532 /models
COPY --from=build /app/.venv /app/.venv
COPY --from=build /app/project /app/project
# Nothing is written outside /tmp and the volumes, so that the root file system can be
# read-only. What libraries keep in a home folder goes to /tmp, too.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONPATH=/app/project \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 65532:65532
CMD ["python", "-m", "serving.server", "--help"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mnist-tfx-pipeline" \
      org.opencontainers.image.description="Nodes of the pipeline, and the embedded model server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
