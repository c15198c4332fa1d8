"""Media packets: guarded, ordered, paced, resent, and what they tell of the line."""
