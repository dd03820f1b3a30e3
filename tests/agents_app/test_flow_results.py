"""What a step of several questions leaves: each check once, and confidence as a mean."""

from agents_app import confidence
from agents_app.confidence import term
from agents_app.contracts import Check
from agents_app.flow import results
from agents_app.flow.work import Answered, Work
from agents_app.prompts import Material

KEPT, BROKEN = (
    Check("rests_on_known", passed, detail) for passed, detail in ((True, ""), (False, "f99 is not given."))
)


def work(*answers):
    """Of (checks, terms) for each question."""
    material = Material({}, [], {})
    return Work(answers=[Answered(material, "", None, list(checks), list(terms)) for checks, terms in answers])


def test_of_several_questions_a_check_stands_once_and_as_broken_where_one_broke_it():
    found = [
        [(check["passed"], check["detail"]) for check in results._checks(work(*(([each], []) for each in checks)))]
        for checks in ([KEPT, KEPT], [KEPT, BROKEN, KEPT], [BROKEN, KEPT])
    ]

    assert found == [[(True, "")], [(False, "f99 is not given.")], [(False, "f99 is not given.")]]


def test_the_confidence_of_one_question_is_its_own():
    terms = [term("start", 0.4, 1.0, "It begins."), term("facts", 1.2, 0.5, "It cites two.")]

    assert results._all_terms(work(([], terms))) == terms


def test_the_confidence_of_several_questions_is_the_mean_of_their_log_odds():
    sure, unsure = term("facts", 2.0, 1.0, "It cites two."), term("facts", -1.0, 0.5, "It cites none.")

    told = results._all_terms(work(([], [sure]), ([], [unsure])))

    assert told == [term("facts 1", 2.0, 0.5, "It cites two."), term("facts 2", -1.0, 0.25, "It cites none.")]
    assert confidence.confidence(told) == confidence.confidence([term("mean", (2.0 - 0.5) / 2, 1.0, "")])
