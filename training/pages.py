"""How pages are made: the templates of this package, numbers as they are written in Chile."""

from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from training.spanish import day, duration, number, percent, significant


def template(name: str) -> Template:
    """The template of that name; a name that it uses and nobody gave is an error."""
    environment = Environment(
        loader=PackageLoader("training"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, significant=significant, percent=percent, duration=duration, day=day
    )
    environment.globals.update(zip=partial(zip, strict=True))
    return environment.get_template(name)
