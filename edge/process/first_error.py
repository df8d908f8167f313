"""Find the first error in a group of tasks, however deep its groups are."""


def leaf_of(error: BaseException) -> BaseException:
    """Return the first error that is no group."""
    return leaf_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
