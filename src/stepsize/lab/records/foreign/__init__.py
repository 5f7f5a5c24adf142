"""Logs of other loops: one module for each family of files, what their columns are called, and how rows become one."""
