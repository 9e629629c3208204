"""Great Expectations on staging and core, and the pages that show stewards what was found."""

from dlm.quality.checks import CheckResult, CheckRun, run_expectations
from dlm.quality.suites import Expectation, Suite, load_suites

__all__ = ["CheckResult", "CheckRun", "Expectation", "Suite", "load_suites", "run_expectations"]
