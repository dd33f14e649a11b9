"""Reads JSON and answers with the same JSON, without the white space. A value that is returned is written as JSON."""


def Handler(req):
    """Raises DcfError INVALID_ARGUMENT when the input is no JSON."""
    return req.json()
