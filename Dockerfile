# One image for the agents, the coordinator, the challenger, the reviewer and the command line: they share their packages, and a
# replica differs from another by its command alone. `--build-arg WITH=people` adds what only people need: reports, the
# dashboard, markets made from prices, Parquet.

# Where images can be pulled, pin this one by its digest: `docker build --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:...`,
# with what `docker buildx imagetools inspect python:3.11-slim` says.
ARG PYTHON_IMAGE=python:3.11-slim
ARG WITH=replica

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# pip takes no file but those whose hashes are in deploy/image; `make hashes` writes them, `make check` compares.
COPY deploy/image/build.txt /packages/
RUN pip install --quiet --require-hashes --no-deps --requirement /packages/build.txt
COPY pyproject.toml ./
COPY portfolio portfolio
COPY bus bus
COPY agents agents
COPY challenger challenger
COPY coordinator coordinator
COPY backtest backtest
COPY report report
COPY dashboard dashboard
COPY book book
COPY reviewer reviewer
COPY cli cli
COPY examples examples
RUN pip wheel --quiet --no-build-isolation --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS replica
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# The large layer first. It is made again when a dependency changes, not when code does.
COPY deploy/image/build.txt deploy/image/replica.txt /packages/
# What has no wheel is built with what is there, not with what pip would fetch for that without a hash. The tests that numpy
# and scipy bring along would be a sixth of the layer.
RUN pip install --quiet --require-hashes --no-deps --requirement /packages/build.txt \
 && pip install --quiet --require-hashes --no-deps --no-build-isolation --requirement /packages/replica.txt \
 && find /usr/local/lib -type d -name tests -prune -exec rm -r {} +
COPY --from=build /wheels /packages
# The solver's loops are compiled here, once, not at an agent's first request; they are kept beside the source, where any
# user can read them.
RUN pip install --quiet --no-deps /packages/*.whl && pip check && python -m portfolio.conic.large.perspective
COPY examples examples
# A number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 10001:10001
# numpy and scipy would each start a pool of threads, one a core; a process solves in one thread.
ENV OPENBLAS_NUM_THREADS=1
CMD ["podfolio", "--help"]

FROM replica AS people
USER 0:0
COPY deploy/image/people.txt /packages/
RUN pip install --quiet --require-hashes --no-deps --requirement /packages/people.txt && pip check \
 && find /usr/local/lib -type d -name tests -prune -exec rm -r {} +
USER 10001:10001

# What is made: the stage that WITH names.
FROM ${WITH}
