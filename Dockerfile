# The gateway's image: docker build -t mesh-router-gateway .
# With the DNS providers of requirements-dns.txt, such as cloudflare: docker build --build-arg DNS_EXTRAS=1 ...
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
WORKDIR /app
# Empty, or anything for the extras: some 100 MB more.
ARG DNS_EXTRAS=
COPY requirements.lock requirements-dns.lock ./
RUN python -m venv .venv \
 && .venv/bin/python -m pip install --quiet --no-input --no-cache-dir --disable-pip-version-check \
    --require-hashes -r requirements.lock ${DNS_EXTRAS:+-r requirements-dns.lock} \
 && .venv/bin/python -m pip uninstall --quiet --yes pip
COPY LICENSE ./
COPY launch ./launch
COPY demo ./demo
COPY addons ./addons
COPY acme_client ./acme_client
# The image may run on a read-only root: what can be compiled is compiled now.
RUN .venv/bin/python -m compileall -q launch demo addons acme_client

FROM python:${PYTHON_VERSION}-slim-bookworm
# Numbers, because Kubernetes' runAsNonRoot cannot look names up. It owns nothing but its state and its certificates.
RUN install -d -m 700 -o 10001 -g 10001 /state /certificates
COPY --from=build /app /app
# No LISTEN_ADDRESS is every address: in a container the demo, too, is asked from outside.
ENV PYTHONPATH=/app:/app/addons \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CERT_DIR=/certificates \
    STATE_DIR=/state \
    LISTEN_ADDRESS=
USER 10001:10001
WORKDIR /state
VOLUME /state
EXPOSE 80 443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s \
    CMD ["/app/.venv/bin/python", "-m", "mesh_gateway.healthcheck"]
ENTRYPOINT ["/app/.venv/bin/python", "-m", "launch"]
