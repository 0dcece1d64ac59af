"""`python -m services.feedback` starts the service."""

from services._runtime.hosting.hosting import run
from services.feedback.app import app

if __name__ == "__main__":
    run(app)
