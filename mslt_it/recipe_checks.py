"""The old name of a module of config, until every module imports that."""

from mslt_it.config.recipe import METRICS as METRICS
