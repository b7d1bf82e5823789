"""The old name of modules of config, until every module imports those."""

from mslt_it.command import recipe_arguments
from mslt_it.config.compose import load_recipe as load_recipe
from mslt_it.config.compose import resolved_yaml as resolved_yaml
from mslt_it.config.recipe import is_rest as is_rest

parse_arguments = recipe_arguments
