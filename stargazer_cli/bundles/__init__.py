"""Bundles: sets of published files, each named by its CID, with what every file is.

The package carries the descriptions (`*.yml` beside this file) and none of the bytes.
"""

from stargazer_cli.bundles.model import Bundle, PublishedFile, load, names, parse

__all__ = ["Bundle", "PublishedFile", "load", "names", "parse"]
