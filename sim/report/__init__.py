"""What a check found, in one form for the command line, JUnit and the HTML page."""
