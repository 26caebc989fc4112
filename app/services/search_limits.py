"""What is looked for that only looks like a query, in memory and in the database alike."""

LEAST_LIKENESS = 0.4
"""Which share of the query's trigrams a text must have to look like it: typos in short words have to get through."""
SHORTEST_COMPARED = 3
"""How long a query must be for titles that only look like it to be looked for."""
MOST_TITLES = 100
"""How many titles that look like a query are compared with it in full."""
MOST_NAMES = 20
"""How many names."""
MOST_OF_PEOPLE = 300
"""How many items of these people."""
