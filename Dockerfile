# One image for the web, worker and beat processes (docker-compose.yml). What builds it stays behind: the last stage
# gets the packages and the program as they will run, compiled and with their static files gathered.

FROM python:3.12-slim AS build
# `observability`: with the packages for SENTRY_DSN and OTEL_EXPORTER_OTLP_ENDPOINT.
ARG REQUIREMENTS=run
COPY requirements/run.txt requirements/observability.txt /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r "/tmp/$REQUIREMENTS.txt" \
    && rm -rf /opt/venv/lib/python3.12/site-packages/pip /opt/venv/lib/python3.12/site-packages/pip-* /opt/venv/bin/pip*
WORKDIR /app
COPY . .
# The key signs nothing: static files are only gathered. The process at run time finds them unchanged.
RUN SECRET_KEY=only-while-building DATA_DIR=/tmp/building /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /opt/venv/bin/python -m compileall -q .

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/var/lib/ai-prompt-cost \
    JOURNAL_DIR=/var/lib/ai-prompt-cost/journal
RUN useradd --system --uid 10001 --home-dir /app --no-create-home app \
    && install -d -o app -g app /var/lib/ai-prompt-cost /var/lib/ai-prompt-cost/journal
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
# Program and packages are root's: the process can read them and not change them.
USER app
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
