"""What went wrong first in a group of tasks, however deep its groups are."""


def leaf_of(error: BaseException) -> BaseException:
    """The first error that is no group."""
    return leaf_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
