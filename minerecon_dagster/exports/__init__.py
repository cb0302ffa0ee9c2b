"""Files of the views, a month each."""
