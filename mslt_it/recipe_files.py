"""The old name of a module of config, until every module imports that."""

from mslt_it.config.files import files as files
from mslt_it.config.files import folders as folders
from mslt_it.config.files import list_groups as list_groups
from mslt_it.config.files import list_recipes as list_recipes
from mslt_it.config.files import recipes_dir as recipes_dir
from mslt_it.config.files import share_dir as share_dir
