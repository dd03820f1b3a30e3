"""Statistics: values in, values out. No Django, no network; scipy is imported where it is used.

Where a question has no answer (an empty arm, nobody asked) the answer is None, so that a page can say so. Counts that
cannot be (more successes than people) are a fault of the caller and raise `ImpossibleCounts`.
"""
