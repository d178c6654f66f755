"""The one error that is written for the person at the screen."""


class UserError(Exception):
    """A person's mistake, or something that cannot be answered: one sentence that says what to do instead.

    Everything a user types, uploads or links to ends here when it cannot be used. A programmer's mistake is a
    ``ValueError`` with the value in it. Errors of foreign libraries are converted at the border with ``from``.
    """
