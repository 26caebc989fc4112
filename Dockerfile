# Two stages: what builds is left behind. The image holds Python, the pinned packages and Medley; it runs as an ordinary user
# on a root file system that may be read-only. Data goes to /var/lib/medley, a volume.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/medley
WORKDIR /src
# The packages first: they change seldom, and every hash is checked. Nothing is compiled: wheels only.
COPY requirements-image.txt requirements-install.txt ./
RUN /opt/medley/bin/pip install --require-hashes --only-binary :all: --requirement requirements-image.txt \
    && python -m venv /opt/tools \
    && /opt/tools/bin/pip install --require-hashes --only-binary :all: --requirement requirements-install.txt
# Medley itself stays a tree of source files, as in a checkout: the migrations are found beside the packages.
WORKDIR /opt/medley/src
COPY pyproject.toml alembic.ini README.md LICENSE ./
COPY app app
COPY cli cli
COPY training training
COPY alembic alembic
RUN /opt/tools/bin/python -m hatchling build --target wheel:editable --directory /wheels \
    && /opt/medley/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/medley/bin/python -m compileall -q /opt/medley

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Medley" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 medley \
    && useradd --uid 10001 --gid medley --no-create-home --home-dir /var/lib/medley --shell /usr/sbin/nologin medley \
    && install --directory --owner medley --group medley --mode 0700 /var/lib/medley
COPY --from=build /opt/medley /opt/medley
ENV PATH=/opt/medley/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MEDLEY_DATA_DIR=/var/lib/medley \
    MEDLEY_HOST=0.0.0.0 \
    MEDLEY_PORT=8000 \
    MEDLEY_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/medley
VOLUME /var/lib/medley
EXPOSE 8000
# Ready, not merely alive: with a release that is true whatever the database does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['MEDLEY_PORT']}/health/ready\", timeout=4)"]
# SIGTERM, the default, drains. MEDLEY_HOST is open to the container's network: the service refuses to start like that until there
# is an API key (`keys ensure`, `keys create`), or MEDLEY_ALLOW_UNAUTHENTICATED says that something else keeps strangers out.
ENTRYPOINT ["medley"]
CMD ["serve"]
