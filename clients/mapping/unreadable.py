"""A value that a transform cannot use."""


class Unreadable(ValueError):
    """Why, in words. With `kept` the mapping goes on with that; without it the field is not said."""

    def __init__(self, words: str, kept: str | None = None) -> None:
        super().__init__(words)
        self.kept = kept
