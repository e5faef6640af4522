"""The command line: parses arguments, calls a service or an action, prints the answer.

A shell can ask everything that a page answers.
"""
