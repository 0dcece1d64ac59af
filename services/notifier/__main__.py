"""`python -m services.notifier` starts the worker."""

from services._runtime.hosting.hosting import run
from services.notifier.app import app

run(app)
