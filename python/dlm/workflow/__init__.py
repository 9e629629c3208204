"""The stewards' workflow: log, history of quality, queries, waivers, adjudications and data cuts.

Everything people decide is an entry of one log (``dlm.workflow.log``); what is in force is always
made from it anew, so that nothing can be in force that the log does not tell.
"""
