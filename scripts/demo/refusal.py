"""What a device cannot do as it is, or what nobody can understand."""


class Refusal(Exception):
    """Said to whoever asked for it."""
