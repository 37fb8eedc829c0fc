"""What a failure leaves behind: narrowed, shrunk, in a folder that shows it again."""
