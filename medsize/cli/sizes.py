"""``medsize sizes``."""

import typer

from medsize.cli.doubt import doubt
from medsize.cli.from_annotations import from_annotations
from medsize.cli.from_labels import from_labels
from medsize.cli.size_check import check
from medsize.cli.size_compare import compare
from medsize.cli.size_summary import summary
from medsize.cli.size_template import template

sizes = typer.Typer(no_args_is_help=True, help="Sizes of structures, as tables.")


sizes.command()(template)
sizes.command()(check)
sizes.command()(summary)
sizes.command()(compare)
sizes.command("from-labels")(from_labels)
sizes.command("from-annotations")(from_annotations)
sizes.command()(doubt)
