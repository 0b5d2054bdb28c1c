"""The templates of the report's page and of the model card, and the filters that they share."""

import re
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.wording import count, number, percent

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]|<>&~$])")


@cache
def environment() -> Environment:
    """Templates in which everything is escaped for HTML, and an undefined name is an error."""
    jinja = Environment(
        loader=PackageLoader("training"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.filters |= {"count": count, "number": number, "percent": percent, "md": escape_markdown, "fence": fence}
    return jinja


def style_sheet() -> Markup:
    """The page's CSS, to be inlined as it is."""
    return Markup(resources.files("training").joinpath("templates/report.css").read_text(encoding="utf-8"))


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is, within a line."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(text.split()))


def fence(code: str, language: str = "sh") -> str:
    """A Markdown code block whose fence is longer than any that the code holds."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{code}\n{marks}"
