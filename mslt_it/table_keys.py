"""The old name of a module of config, until every module imports that."""

from mslt_it.config.table_keys import COMMON_COLUMNS as COMMON_COLUMNS
from mslt_it.config.table_keys import OUTSIDE as OUTSIDE
from mslt_it.config.table_keys import list_argument as list_argument
from mslt_it.config.table_keys import mapping_arguments as mapping_arguments
from mslt_it.config.table_keys import text_argument as text_argument
