"""What a client's work says about its settings: the rules under numbers worked out by hand, and under pure noise."""

from random import Random

import pytest

from clients.keys import BUILT_IN, DAYS, by_path
from experiments.figures import METRICS, Count, Drafted, Mailed, Ran, Work, Written
from experiments.tuning import FALSE_SHARE, Finding, Hypothesis, InForce, choose, percentile
from experiments.tuning_rules import choices, days, hours, length, look, ran_out, too_long, unsure_facts, words

MAX, FLOOR, BUDGET, TONE = "custom_fields.max_words", "confidence_floor", "run_budget_usd", "tone"
NOW = {
    MAX: 150,
    FLOOR: 0.5,
    BUDGET: 0.2,
    TONE: "formal",
    "call_to_action_style": "",
    "model_tier": "usual",
    "effort": "",
    "custom_fields.avoid_terms": [],
    "send_window.days": list(DAYS),
    "send_window.from_hour": 0,
    "send_window.to_hour": 24,
}
KEYS = by_path(BUILT_IN)


def in_force(**changes) -> InForce:
    return InForce(NOW | {path.replace("__", "."): value for path, value in changes.items()}, KEYS)


def text(size: int, word: str = "word") -> str:
    return " ".join([word] * size)


def drafts(size, decision="unchanged", *, first=0, written=120, final=None, values=None, **more):
    """`size` drafts of so many words."""
    body = more.pop("body", text(written))
    after = more.pop("after", body if final is None else text(final))
    return [Drafted(first + n, decision, body, after, values=NOW | (values or {}), **more) for n in range(size)]


def mails(size, *, replies=0, day="tue", hour=9, harmed=0, values=None):
    return [Mailed(n, day, hour, n < replies, n >= size - harmed, NOW | (values or {})) for n in range(size)]


def findings(tested) -> list[Finding]:
    return [each.finding for each in tested if each.finding]


# --- length


def test_people_who_shorten_what_they_edit_propose_a_shorter_limit():
    work = Work([*drafts(18, "edited", written=120, final=88), *drafts(2, "edited", first=50, written=120, final=118)])

    (found,) = findings(length(work, in_force()))

    assert (found.path, found.value, found.n) == (MAX, 120, 20) or found.value == 90
    assert found.counts == {"edits that shorten": Count(18, 20)}


def test_the_limit_is_the_ninth_tenth_of_what_went_out_rounded_up_to_tens():
    work = Work([*drafts(19, "edited", written=130, final=81), *drafts(1, "edited", first=50, written=130, final=125)])

    (found,) = findings(length(work, in_force()))

    assert found.value == 90
    assert found.low == pytest.approx(0.7639, abs=5e-4)  # Wilson, 19 of 20
    assert (found.metric, found.now) == ("shortened", Count(19, 20))
    assert found.then is None  # no draft was short enough to tell
    assert found.drafts == tuple(range(18, -1, -1))


def test_what_short_drafts_met_says_what_to_expect():
    work = Work([*drafts(14, "edited", written=130, final=81), *drafts(20, first=50, written=70)])

    (found,) = findings(length(work, in_force()))

    assert (found.now, found.then) == (Count(14, 34), Count(0, 20))


@pytest.mark.parametrize(
    ("shortened", "edited"),
    [(11, 11), (9, 14)],  # too few edits; 9 of 14 has a lower bound of 0.39
)
def test_few_or_divided_edits_propose_no_limit(shortened, edited):
    work = Work([*drafts(shortened, "edited", final=80), *drafts(edited - shortened, "edited", first=50, final=119)])

    assert findings(length(work, in_force())) == []


def test_what_was_written_under_another_limit_does_not_count():
    work = Work(drafts(20, "edited", written=130, final=81, values={MAX: 200}))

    assert list(length(work, in_force())) == []


def test_a_limit_that_would_touch_hardly_a_draft_is_not_proposed():
    work = Work([*drafts(14, "edited", written=60, final=50), *drafts(30, first=50, written=88)])

    assert findings(length(work, in_force())) == []


# --- words


def holding(phrase: str, first: int, size: int, *, out: int, by: int = 7) -> list[Drafted]:
    """Drafts that hold the phrase; from the first `out` of them people took it out."""
    body = f"Dear Ada, many banks close their books late. We {phrase} your team today. Shall we talk"
    after = body.replace(f" {phrase}", "")
    edited = drafts(out, "edited", first=first, body=body, after=after, by=by)
    return [*edited, *drafts(size - out, first=first + out, body=body, by=by)]


def test_a_phrase_that_people_take_out_again_and_again_is_proposed_as_to_be_avoided():
    work = Work([*holding("gladly empower", 0, 20, out=19), *drafts(30, first=100, written=80)])

    (found,) = findings(words(work, in_force()))

    assert (found.path, found.how, found.value) == ("custom_fields.avoid_terms", "add", ["gladly empower"])
    assert found.counts == {"gladly empower": Count(19, 20)}
    assert found.sentence.startswith("One person took “gladly empower” out of 19 of 20 ")
    assert found.then == Count(0, 30)


def test_what_is_kept_as_often_as_not_is_no_habit():
    assert findings(words(Work(holding("gladly empower", 0, 20, out=13)), in_force())) == []


def test_names_facts_and_figures_are_left_alone():
    body = "Arden grows quickly in 2026 with 1240 people."
    out = drafts(
        15,
        "edited",
        body=body,
        after="Something else stays here with people in it quickly grows.",
        known=frozenset({"arden"}),
    )

    proposed = {entry for found in findings(words(Work(out), in_force())) for entry in found.value}

    assert not any("arden" in entry or "2026" in entry or "1240" in entry for entry in proposed)


def test_an_edit_that_rewrites_the_whole_text_says_nothing_of_single_words():
    out = drafts(
        20, "edited", body="We gladly empower your team.", after="Completely different now and here today friends."
    )

    assert list(words(Work(out), in_force())) == []


def test_a_word_that_is_avoided_already_is_not_proposed_again():
    now = in_force(custom_fields__avoid_terms=["Empower"])

    assert all(
        "empower" not in each.value[0] for each in findings(words(Work(holding("gladly empower", 0, 20, out=20)), now))
    )


# --- promises and money


def test_a_limit_that_many_e_mails_break_is_proposed_wider():
    wide = [Written(n, 100 + n, n <= 50, NOW) for n in range(80)]  # 100 to 179 words, 29 too long

    (found,) = findings(too_long(Work(written=wide), in_force()))

    assert found.value == 180  # the 76th of 80 has 175 words
    assert (found.now, found.then) == (Count(29, 80), Count(0, 80))


def test_a_limit_that_few_e_mails_break_stays():
    wide = [Written(n, 100, n >= 3, NOW) for n in range(80)]

    assert findings(too_long(Work(written=wide), in_force())) == []


def test_runs_that_run_out_propose_a_budget_with_room():
    runs = [Ran(n, 0.10 + n / 1000, 0.2, n >= 60, NOW) for n in range(80)]

    (found,) = findings(ran_out(Work(runs=runs), in_force()))

    assert (found.value, found.now, found.then) == (0.25, Count(20, 80), None)


def test_without_a_budget_of_its_own_a_client_gets_none_proposed():
    runs = [Ran(n, 0.1, 0.2, n >= 60, NOW | {BUDGET: None}) for n in range(80)]

    assert list(ran_out(Work(runs=runs), in_force(run_budget_usd=None))) == []


# --- approvals


def test_unsure_facts_that_cost_approvals_propose_a_higher_floor():
    unsure = [*drafts(10, weakest=0.55), *drafts(30, "rejected", first=50, weakest=0.55)]
    sure = [*drafts(36, first=100, weakest=0.8), *drafts(4, "edited", first=150, weakest=0.8)]

    (found,) = findings(unsure_facts(Work([*unsure, *sure]), in_force()))

    assert (found.path, found.value) == (FLOOR, 0.6)
    assert found.counts == {"resting on a fact below 0.6": Count(10, 40), "resting on surer facts only": Count(36, 40)}
    assert found.low > 0


def test_unsure_facts_that_are_approved_as_often_change_nothing():
    both = [*drafts(40, weakest=0.55), *drafts(40, first=100, weakest=0.8)]

    assert findings(unsure_facts(Work(both), in_force())) == []


# --- choices and times


def test_a_tone_that_brought_more_replies_is_proposed():
    work = Work(mails=[*mails(200, replies=10), *mails(200, replies=34, values={TONE: "direct"})])

    (found,) = findings(choices(work, in_force()))

    assert (found.path, found.value, found.metric) == (TONE, "direct", "replied")
    assert found.counts == {"Formal": Count(10, 200), "Direct": Count(34, 200)}
    assert "Observed, not drawn by lot" in found.caveat


def test_a_tone_that_brought_more_replies_and_more_unsubscribes_is_not():
    work = Work(mails=[*mails(200, replies=10), *mails(200, replies=34, harmed=20, values={TONE: "direct"})])

    assert findings(choices(work, in_force())) == []


def test_a_tone_that_people_approve_more_often_but_contacts_answer_less_is_not():
    work = Work(
        [*drafts(40, "edited"), *drafts(40, first=50, values={TONE: "direct"})],
        [*mails(200, replies=40), *mails(200, replies=10, values={TONE: "direct"})],
    )

    assert findings(choices(work, in_force())) == []


def test_a_day_on_which_fewer_answer_is_left_out():
    work = Work(
        mails=[
            *mails(100, replies=2, day="mon"),
            *(each for day in ("tue", "wed") for each in mails(100, replies=25, day=day)),
        ]
    )

    (found,) = findings(days(work, in_force()))

    assert (found.how, found.value) == ("leave_out", ["mon"])
    assert found.counts == {"Monday": Count(2, 100), "on the other days": Count(50, 200)}


def test_a_bad_afternoon_closes_the_window_at_noon():
    work = Work(mails=[*mails(100, replies=30, hour=9), *mails(100, replies=4, hour=15)])

    (found,) = findings(hours(work, in_force()))

    assert (found.path, found.value) == ("send_window.to_hour", 12)


def test_a_bad_morning_opens_the_window_at_noon():
    work = Work(mails=[*mails(100, replies=4, hour=9), *mails(100, replies=30, hour=15)])

    (found,) = findings(hours(work, in_force()))

    assert (found.path, found.value) == ("send_window.from_hour", 12)


# --- what a look proposes


def finding(path=TONE, **changes) -> Finding:
    basis = {
        "rule": "choices", "path": path, "how": "set", "value": "direct", "n": 50, "counts": {}, "low": 0.1, "high": 0.2, "sentence": "Seen.",
        "metric": "replied", "now": Count(1, 50), "then": None, "expects": "", "risk": "",
    }  # fmt: skip
    return Finding(**basis | changes)


def test_of_two_findings_on_one_setting_the_surer_one_is_proposed():
    tested = {1: [Hypothesis(0.001, finding(value="casual")), Hypothesis(0.0001, finding(value="direct"))]}

    assert [each.value for each in choose(tested)[1]] == ["direct"]


def test_words_that_were_found_together_come_as_one_proposal():
    both = [
        Hypothesis(
            p_value,
            finding("custom_fields.avoid_terms", rule="words", how="add", value=[word], counts={word: Count(9, 9)}),
        )
        for word, p_value in (("synergy", 0.0001), ("leverage", 0.0002))
    ]

    (found,) = choose({1: both})[1]

    assert found.value == ["synergy", "leverage"]
    assert found.counts == {"synergy": Count(9, 9), "leverage": Count(9, 9)}


def test_a_finding_that_stands_alone_falls_among_many_that_were_looked_at():
    one = Hypothesis(0.01, finding())

    assert choose({1: [one]}) != {}
    assert choose({1: [one, *[Hypothesis(0.5)] * 20]}) == {}


VOCABULARY = [f"word{letter}{other}" for letter in "abcdefgh" for other in "klmno"]


def noise(rng: Random) -> Work:
    """A client whose people and contacts do as they please, whatever is written, and when."""
    found = []
    for n in range(70):
        body = rng.choices(VOCABULARY, k=25)
        decision = rng.choices(["unchanged", "edited", "rejected"], [6, 3, 1])[0]
        share = rng.choice([0.85, 0.97])
        left = [word for word in body if rng.random() < share] if decision == "edited" else body
        values = NOW | {TONE: rng.choice(["formal", "direct"])}
        found.append(Drafted(n, decision, " ".join(body), " ".join(left), 1, values, weakest=rng.uniform(0.5, 0.9)))
    sent = [
        Mailed(n, rng.choice(list(DAYS)[:5]), rng.randrange(8, 18), rng.random() < 0.08, rng.random() < 0.01,
               NOW | {TONE: rng.choice(["formal", "direct"])})
        for n in range(200)
    ]  # fmt: skip
    wrote = [Written(n, rng.randrange(90, 155), rng.random() > 0.04, NOW) for n in range(70)]
    return Work(found, sent, wrote)


def test_noise_of_two_hundred_clients_proposes_nothing():
    """The promise is about looks: with nothing to find, fewer than one look in twenty proposes anything."""
    rng = Random("noise")
    tested = {client: look(noise(rng), in_force()) for client in range(200)}

    assert sum(map(len, tested.values())) > 2000  # or the promise would be cheap
    assert choose(tested) == {}


def test_of_many_looks_at_noise_hardly_one_proposes_anything():
    rng, looks = Random("looks"), 100
    few = InForce(in_force().values, KEYS)
    false = 0
    for _ in range(looks):
        tested = {client: [*choices(work, few), *days(work, few), *hours(work, few), *unsure_facts(work, few)]
                  for client in range(8) if (work := noise(rng))}  # fmt: skip
        false += bool(choose(tested))

    assert false / looks <= FALSE_SHARE


def test_most_of_what_a_look_proposes_is_there():
    """One client in five has a bad afternoon; what is proposed for the others stays within the promise."""
    rng = Random("mixed")
    sent = [*mails(100, replies=25, hour=9), *mails(100, replies=3, hour=15)]
    tested = {client: look(Work(mails=sent) if client % 5 == 0 else noise(rng), in_force()) for client in range(100)}

    proposed = [(client, each.rule) for client, them in choose(tested).items() for each in them]

    assert sum(rule == "hours" and client % 5 == 0 for client, rule in proposed) == 20
    assert sum(client % 5 != 0 for client, _ in proposed) <= FALSE_SHARE * len(proposed)


def test_percentiles_are_by_nearest_rank():
    assert [percentile([3, 1, 2, 4], share) for share in (0.25, 0.5, 0.9, 1)] == [1, 2, 4, 4]


def test_every_metric_counts_nothing_as_nothing():
    assert {metric.counted(Work()) for metric in METRICS.values()} == {Count(0, 0)}
