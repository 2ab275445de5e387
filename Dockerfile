# One image for the agents, the coordinator and the command line: they share their packages, and a
# replica differs from another by its command alone. `--target people` has what only people need as well: reports,
# the dashboard, markets made from prices.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY pyproject.toml ./
# What is needed is written once, in pyproject.toml; pip 23 cannot install a project's dependencies alone.
RUN python -c "import tomllib; from pathlib import Path; \
project = tomllib.loads(Path('pyproject.toml').read_text()); \
extras = project['project']['optional-dependencies']; \
people = [name for extra in ('report', 'dashboard', 'markets') for name in extras[extra] if not name.startswith('podfolio[')]; \
Path('build.txt').write_text('\n'.join(project['build-system']['requires'])); \
Path('run.txt').write_text('\n'.join(project['project']['dependencies'] + extras['otel'])); \
Path('people.txt').write_text('\n'.join(people))" \
 && pip install --quiet --requirement build.txt
COPY portfolio portfolio
COPY bus bus
COPY agents agents
COPY coordinator coordinator
COPY report report
COPY dashboard dashboard
COPY cli cli
COPY examples examples
RUN pip wheel --quiet --no-build-isolation --no-deps --wheel-dir /wheels .

FROM python:3.11-slim AS replica
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
# The large layer first. It is made again when a dependency changes, not when code does.
COPY constraints.txt /packages/
COPY --from=build /src/run.txt /packages/
# The tests that numpy and scipy bring along would be a sixth of it.
RUN pip install --quiet --constraint /packages/constraints.txt --requirement /packages/run.txt \
 && find /usr/local/lib -type d -name tests -prune -exec rm -r {} +
COPY --from=build /wheels /packages
# The solver's loops are compiled here, once, not at an agent's first request; they are kept beside the source, where any
# user can read them.
RUN pip install --quiet --no-deps /packages/*.whl && python -m portfolio.conic.large.perspective
COPY examples examples
# A number, so that Kubernetes can tell that it is not root (runAsNonRoot).
USER 10001:10001
# numpy and scipy would each start a pool of threads, one a core; a process solves in one thread.
ENV OPENBLAS_NUM_THREADS=1
CMD ["podfolio", "--help"]

FROM replica AS people
USER 0:0
COPY --from=build /src/people.txt /packages/
RUN pip install --quiet --constraint /packages/constraints.txt --requirement /packages/people.txt \
 && find /usr/local/lib -type d -name tests -prune -exec rm -r {} +
USER 10001:10001

# What is made if nobody says which.
FROM replica
