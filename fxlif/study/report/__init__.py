"""A study's page: its plots, and the HTML that holds them."""
