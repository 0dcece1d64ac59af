"""A service as small as can be, started as a process by `test_hosting`: one real processor and the directory."""

import os

from services._runtime.directory.directory import Directory
from services._runtime.hosting.hosting import create_app, run
from services._runtime.processor.processor import Processor
from services._runtime.settings import RuntimeSettings
from tests.integration.kafka_bed import counting_on

settings = RuntimeSettings()
counting = counting_on(os.environ["HOSTED_PREFIX"], remind_seconds=60.0)
processor = Processor(counting.topology(), settings)
app = create_app("router", settings=settings, processors=[processor], directory=Directory())

if __name__ == "__main__":
    run(app)
