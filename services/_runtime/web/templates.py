"""Templates of a service's pages: escaped always, and an error rather than an empty place for what is not given."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape


def templates_of(package: str) -> Environment:
    """The Jinja2 environment over `templates/` of a package, such as `services.feedback`."""
    folder = resources.files(package).joinpath("templates")
    return Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
