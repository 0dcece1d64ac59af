"""`python -m services.intake` starts the service."""

from services._runtime.hosting.hosting import run
from services.intake.app import app

if __name__ == "__main__":
    run(app)
