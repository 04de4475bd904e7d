# Stargazer for people who want only `docker run` (docs/guides/release.md). Two targets:
#   cli   the command line, Nextflow and Java; each task runs in an image of its own, by the engine of the host
#   full  also the tools of all tasks, and what agents, notebooks and a browser are served with: one image does
#         everything, without an engine inside
ARG BASE=docker.io/library/debian:bookworm-slim
# The docker command of bookworm is too old for the engines of today; this one needs nothing but libc.
ARG ENGINE_BASE=docker.io/library/debian:trixie-slim
# The time that files have in the images: that of the commit, in a release.
ARG SOURCE_DATE_EPOCH=1767225600

FROM ${ENGINE_BASE} AS engine
RUN apt-get update \
    && apt-get install -y --no-install-recommends "docker-cli=26.1.*"

FROM ${BASE} AS build
ARG SOURCE_DATE_EPOCH
# Where a registry has a certificate of its own: its file, which the build needs and the images do not.
ARG PIP_CERT
ENV PATH=/opt/stargazer/python/bin:$PATH STARGAZER_TOOLS=/opt/stargazer/tools \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_COMPILE=0
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates procps python3 python3-venv
# Exactly the wheels of the lock files; what builds the wheel of Stargazer has a Python of its own.
COPY docker/build.txt docker/requirements.txt /src/docker/
RUN python3 -m venv /build \
    && /build/bin/pip install --only-binary=:all: --require-hashes --requirement /src/docker/build.txt \
    && python3 -m venv /opt/stargazer/python \
    && pip install --only-binary=:all: --require-hashes --requirement /src/docker/requirements.txt
COPY . /src
RUN cd /src \
    && npm_config_cafile="${PIP_CERT}" /build/bin/hatchling build --target wheel --directory /wheel \
    && pip install --no-deps --no-index /wheel/*.whl \
    && sha256sum /wheel/*.whl | sed 's|\(.\{12\}\).*/stargazer-\([^-]*\).*|\2-\1|' > /opt/stargazer/version

# Without the installer, which only the stages before need.
FROM build AS python
RUN pip uninstall --yes --quiet pip setuptools \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/stargazer/python

FROM build AS served
ARG PIP_CERT
RUN pip install --only-binary=:all: --require-hashes --requirement /src/docker/full.txt \
    && pip uninstall --yes --quiet pip setuptools \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/stargazer/python

FROM build AS nextflow
ARG PIP_CERT
ARG SOURCE_DATE_EPOCH
RUN SSL_CERT_FILE="${PIP_CERT}" /src/docker/fetch python3 -c \
    'from stargazer_cli.settings import Settings; \
    from stargazer_cli.tools.install import ensure; \
    wanted = ["java", "nextflow"]; \
    ensure(Settings(), wanted, yes=True, echo=print).require(wanted)'

# The versions that the images of the tasks have, so that results are the same bytes.
FROM build AS tools
ARG PIP_CERT
ARG SOURCE_DATE_EPOCH
ARG BWA_VERSION=0.7.17
ARG SAMTOOLS_VERSION=1.16.1
ARG BCFTOOLS_VERSION=1.16
RUN apt-get install -y --no-install-recommends \
        "bwa=${BWA_VERSION}-*" "samtools=${SAMTOOLS_VERSION}-*" "bcftools=${BCFTOOLS_VERSION}-*" \
        tabix libgomp1
RUN SSL_CERT_FILE="${PIP_CERT}" /src/docker/fetch stargazer setup --yes --aligner bwa

FROM ${BASE} AS runtime
# procps: Nextflow measures a task with ps.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates procps python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log
COPY --from=engine /usr/bin/docker /usr/bin/
COPY docker/entrypoint /opt/stargazer/
# No USER: what is made belongs to whoever runs the image, who has no home in here. The store is a folder of the
# folder in which the command is started, so that one volume is enough.
ENV PATH=/opt/stargazer/python/bin:/opt/stargazer/tools/bin:$PATH \
    HOME=/tmp NXF_HOME=/tmp/.nextflow LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
    STARGAZER_TOOLS=/opt/stargazer/tools STARGAZER_LOCAL=stargazer
# Whoever runs the image may note in the folder of the tools what was found.
RUN mkdir -m 1777 /work && mkdir -m 777 /opt/stargazer/tools
WORKDIR /work
ENTRYPOINT ["/opt/stargazer/entrypoint"]
CMD ["--help"]
# Where the images of the tasks are pulled from; without one they are those that the engine has.
ARG REGISTRY=
ENV STARGAZER_CONTAINER_REGISTRY=${REGISTRY}
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="stargazer" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.licenses="MIT"

FROM runtime AS full
ARG BWA_VERSION=0.7.17
ARG SAMTOOLS_VERSION=1.16.1
ARG BCFTOOLS_VERSION=1.16
# libgomp1: the native pair HMM of GATK runs on threads.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        "bwa=${BWA_VERSION}-*" "samtools=${SAMTOOLS_VERSION}-*" "bcftools=${BCFTOOLS_VERSION}-*" \
        tabix libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log
COPY --from=served /opt/stargazer /opt/stargazer
COPY --from=tools /opt/stargazer/tools /opt/stargazer/tools
LABEL org.opencontainers.image.description="Stargazer with Nextflow, Java, the tools of all tasks and its servers"

# The last target is the one that is built where none is named.
FROM runtime AS cli
COPY --from=python /opt/stargazer /opt/stargazer
COPY --from=nextflow /opt/stargazer/tools /opt/stargazer/tools
LABEL org.opencontainers.image.description="Stargazer with Nextflow and Java; tasks run in their own images"
