"""The one error of a GRPO run that the user can mend."""


class GrpoError(ValueError):
    """A configuration or data set that GRPO cannot train on; says what, where and what to do."""
