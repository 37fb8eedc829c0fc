"""What a check found, in one form for the command line, JUnit and the HTML page.

``findings`` has the form, ``write`` the files of a run, ``page`` the HTML and ``difference`` the
table of a first difference.
"""

from .findings import Bin, Check, Findings

__all__ = ["Bin", "Check", "Findings"]
