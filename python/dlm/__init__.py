"""The DREAM lesion warehouse: strict loading, dbt, checks, statistics, figures, report."""

__version__ = "0.1.0"
