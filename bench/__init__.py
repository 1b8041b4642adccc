"""Side-by-side measurements; each prints its table with the conditions under which it holds."""
