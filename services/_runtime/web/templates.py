"""Templates of a service's pages: escaped always, and an error rather than an empty place for what is not given."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape


def templates_of(package: str) -> Environment:
    """The Jinja2 environment over `templates/` of a package, such as `services.feedback`, and then over our own."""
    folders = [resources.files(name).joinpath("templates") for name in (package, __package__)]

    def load(name: str) -> str | None:
        found = (folder.joinpath(name) for folder in folders)
        return next((file.read_text("utf-8") for file in found if file.is_file()), None)

    return Environment(
        loader=FunctionLoader(load),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def report_css() -> str:
    """The style sheet of reports, which stand alone: it goes into the page."""
    return resources.files(__package__).joinpath("templates", "report.css").read_text("utf-8")
