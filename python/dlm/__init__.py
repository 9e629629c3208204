"""The DREAM lesion warehouse: strict loading, dbt in process, checks, statistics, figures, report."""

__version__ = "0.1.0"
