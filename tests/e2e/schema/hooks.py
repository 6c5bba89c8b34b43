"""What schemathesis is to look at beside its own checks."""

import schemathesis


@schemathesis.check
def refusal_explains_itself(ctx, response, case):
    """Whatever is refused says what is missing, in a word and in a sentence."""
    if response.status_code < 400:
        return
    explain = response.json()["explain"]
    assert explain["missing"] and explain["sentence"].endswith("."), explain


@schemathesis.check
def what_fits_the_schema_is_not_refused_for_its_form(ctx, response, case):
    """What the document describes can be read: a refusal is about its meaning."""
    if response.status_code not in (400, 422) or not case.meta or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    # A cursor names a place of a list; one that nobody was given names none.
    if problem["explain"].get("argument", {}).get("field") == "after":
        return
    # JSON Schema calls 1.0 an integer, readers of numbers that count something do not: write 1.
    if "invalid type: floating point" in problem["detail"]:
        return
    assert response.status_code == 422, problem
    assert not problem["detail"].startswith("The body is not what the operation takes"), problem
