"""`python -m services.router` starts the service."""

from services._runtime.hosting.hosting import run
from services.router.app import app

if __name__ == "__main__":
    run(app)
