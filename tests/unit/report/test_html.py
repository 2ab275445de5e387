"""The page of a report: numbers that are the event's, words of people that stay words, nothing that is fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from lxml import html
from support.builders import final_event
from support.oracle_of_tables import ORACLES, held
from support.reported import EXAMPLES, OPTIMISED, VARIED, failed, optimised
from support.requests_made import OUTLOOK, ROOT, body
from support.unspaced import unspaced

from bus.language.messages import (
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    Reason,
    Signature,
    encode,
    parse_final,
)
from report.facts.snapshot import why_not_considered
from report.page.html import page as page_made
from report.slides.deck import slides

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

# Also of numbers that are no more than that: 12 ETFs, 2025-11-10.
_EXACT = re.compile(r"[+-]?\d[\d,]*\.\d+%?")


def page(*told: object, **more: object) -> str:
    return unspaced(page_made(*told, **more))  # type: ignore[arg-type]


@cache
def written(name: str) -> str:
    return page(optimised(name))


def raw(name: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode(optimised(name)))
    return made


def tables(text: str) -> dict[str, list[tuple[str, ...]]]:
    """Read the tables of a page: of each row its first cell and its cells of numbers.

    Without those that stand for charts on a phone: ``test_charts`` compares them with the charts.
    """
    found = {}
    for table in html.fromstring(text).xpath("//table[starts-with(@id, 't-')]"):
        rows = []
        for row in table.find("tbody").iter("tr"):
            cells = list(row.iter("td"))
            numbers = tuple(cell.text_content() for cell in cells[1:] if cell.get("class") == "n")
            rows.append((cells[0].text_content().strip(), *numbers))
        found[table.get("id").removeprefix("t-")] = rows
    return found


def disagreements(text: str, event: dict[str, Any]) -> list[str]:
    """Name the tables of a page that do not say what the event says."""
    return [name for name, rows in tables(text).items() if sorted(rows) != sorted(ORACLES[name](event))]


@pytest.mark.parametrize("name", [*OPTIMISED, *VARIED])
def test_every_number_in_every_table_is_the_event_s(name: str) -> None:
    assert disagreements(written(name), raw(name)) == []
    assert set(tables(written(name))) >= {"targets", "costs", "standings", "assumptions", "classes", "pods", "proof"}


def test_a_page_with_one_other_digit_is_found_out() -> None:
    text, event = (
        re.sub(r'<div class="instead">.*?</div>', "", written("existing-investor"), flags=re.DOTALL),
        raw("existing-investor"),
    )
    cells = list(re.finditer(r'<td class="n"[^>]*>[^<]*(\d)[^<\d]*</td>', text))
    assert len(cells) > 250

    for cell in cells[::7]:
        other = str((int(cell[1]) + 1) % 10)
        forged = text[: cell.start(1)] + other + text[cell.end(1) :]
        assert disagreements(forged, event), cell[0]


@pytest.mark.parametrize("name", OPTIMISED)
def test_every_exact_number_in_the_sentences_is_the_event_s_too(name: str) -> None:
    event, text = raw(name), written(name)
    known = {
        number for rows in tables(text).values() for row in rows for cell in row for number in _EXACT.findall(cell)
    }
    for value in _numbers(event):
        shown = (f"{value:,.2f}", f"{value:.3f}", f"{value:.4f}", f"{value:.6f}", f"{value:.2%}", f"{value:.1%}")
        known |= set(shown) | {f"{-value:.2f}", f"{abs(value):.6f}", f"{value:.3%}"}
        known |= {f"{100 * value:.1f}", f"{value:.1f}"}
    suggested = event["suggested"]
    known.add(f"{suggested['volatility'] - suggested['expected_return']:.1%}")
    # The standard error of a Sharpe ratio stands in the table of portfolios, too.
    known |= {number for row in tables(text)["standings"] for number in _EXACT.findall(" ".join(row))}
    # The law's: shares of a gain that count, and what of it counts, as on the terminal.
    for kind, gain in (event["trading"] or {"gains": {"gains_aud": {}}})["gains"]["gains_aud"].items():
        left = gain - event["trading"]["gains"]["losses_used_aud"][kind]
        known |= {f"{left * part:,.2f}" for part in (1, 1 / 2, 2 / 3)} | {"100.00%", "50.00%", "66.67%"}
        known |= {f"{event['trading']['gains']['net_capital_gain_aud'] - left:,.2f}", "32.0%"}
    known |= _of_the_year(event["trading"])
    if event["trading"]:
        # The reason of an order compares shares of the money that stays in the account.
        known |= {f"{before / event['terms']['total_capital_aud']:.2%}" for before, _ in held(event).values()}

    prose = [e.text_content() for e in html.fromstring(text).xpath("//p | //li")]
    found = {number for sentence in prose for number in _EXACT.findall(sentence)}

    assert found - known == set()
    assert len(found) > 10


def _of_the_year(trading: dict[str, Any] | None) -> set[str]:
    """Write the tax of the year, and the costs and the lead of the portfolio that waits: sums and differences."""
    if trading is None:
        return set()
    gains, later = trading["gains"], trading["later"]
    numbers = {f"{gains['tax_aud'] + gains['tax_so_far_aud']:,.2f}"}
    if later is not None:
        cost = later["brokerage_aud"] + later["spread_aud"] + later["gains"]["tax_aud"]
        numbers |= {f"{cost:,.2f}", f"{abs(later['objective'] - trading['objective']):.4f}"}
    if trading and (reliefs := trading["low_income"]):
        numbers.add(f"{trading['gains']['tax_aud'] + reliefs['change_aud']:,.2f}")
    return numbers


def test_proceeds_are_said_to_be_after_brokerage_and_what_brackets_can_add_is_told() -> None:
    assert "Proceeds are after half the spread and brokerage." in written("existing-investor")
    more = raw("existing-investor")["trading"]["tax_may_exceed_aud"]
    assert f"by these, the tax can be up to {more:,.2f} AUD more" in written("existing-investor")


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_each_thing_that_the_money_is_for_is_told_in_a_sentence() -> None:
    found = optimised("wanted")
    much, none, old = found.money_goals[2:]

    text = html.fromstring(written("wanted")).text_content()

    assert "Now: 15,000.00 AUD now. 15,000.00 AUD is set aside for it, all that it needs." in text
    assert "More: 26,000.00 AUD now. 25,000.00 AUD is set aside for it, of the 26,000.00 AUD that it needs." in text
    assert "To reach it with a chance of 75%, it takes 1,000.00 AUD more today, or" in text
    # 900,000 AUD grow with 2.5 % in a year.
    assert "Much: 900,000.00 AUD in a year, in today's money (922,500.00 AUD of then). 10,000.00 AUD is set" in text
    assert f"it takes {much.more_today_aud:,.2f} AUD more today, or {much.more_per_month_aud:,.2f} AUD more per" in text
    assert f"Nothing is left for it. To reach it with a chance of 75%, it takes {none.more_today_aud:,.2f} AUD" in text
    assert "Old age: 70,000.50 AUD in 1.5 years, with 12.50 AUD added per month. 50,000.00 AUD is set" in text
    assert (
        f"the chance to reach it is {old.probability:.0%}, where 70% is wanted ({old.probability_if_lower:.0%}" in text
    )
    assert f" {old.probability_if_higher:.0%} if returns are one point a year lower and higher). To reach" in text
    assert "Now: with the chance that you want, on these assumptions. More, Much, None and Old age: with less." in text
    assert "Inflation is taken to be 2.50% a year, assumed, since neither the request nor its market says." in text


def test_of_plans_it_tells_surplus_and_who_takes_no_part() -> None:
    goal = {"goal_id": "g", "name": "House", "pod": "beta", "target_amount_aud": 30_000, "years": 3}
    later = {**goal, "goal_id": "h", "name": "Old age", "pod": "gamma", "years": 20}
    asked = body(goals=[goal, later], pods=["alpha"], market=OUTLOOK, inflation=0.03) | {"pod_weights": None}
    found = final_event(json.dumps(asked | {"request_id": "test"}).encode())
    assert isinstance(found, MasterPortfolioOptimized)

    text = html.fromstring(page(found)).text_content()

    assert found.funding is not None
    assert f"{found.funding.surplus_aud['gamma']:,.2f} AUD is beyond what the goals of Growth (gamma) need" in text
    assert "alpha takes no part, since nothing is left for it." in text
    assert "Inflation is taken to be 3.00% a year, as the request says." in text


def test_every_example_has_a_report_with_all_that_is_asked_of_one() -> None:
    for name in EXAMPLES:
        sections = {element.get("id") for element in html.fromstring(written(name)).iter("section")}
        assert sections >= {"have", "change", "bring", "reach", "wrong", "pictures", "given", "not-considered"}, name
        assert sections >= {"own", "afterwards", "standings", "targets", "unreachable", "costs", "assumptions"}, name
        assert sections >= {"proof", "words", "checks"}, name
        assert ("together" in sections) == (len(optimised(name).pods) > 1), name


def test_each_order_has_its_reason_and_its_tax_from_the_event() -> None:
    found = optimised("existing-investor")
    assert found.trading is not None

    text = html.fromstring(written("existing-investor")).text_content()

    for order in found.trading.orders:
        assert order.why in text
    assert f"{found.trading.gains.tax_aud:,.2f} AUD of tax on capital gains, which is due later" in text


def test_a_shortfall_too_small_for_the_digits_is_said_to_be_that() -> None:
    found = optimised("outlook")
    short = tuple(replace(g, delivered=g.asked - 1e-6) if g.name == "gamma.sharpe_ratio" else g for g in found.goals)

    text = page(found.model_copy(update={"goals": short}))

    assert text.count("; what is missing is less than the digits that are shown.") == 1


def test_limits_that_are_asked_for_and_not_kept_are_said_not_to_be_proven() -> None:
    found = optimised("limited")
    assert not found.certificate.certified

    text = html.fromstring(written("limited")).text_content()

    assert "It came after all other targets; that no portfolio would keep it is not proven." in text
    assert f"what is proven leaves a gap of {found.certificate.gap:.2%}" in text


@pytest.mark.parametrize(
    ("name", "einc"),
    # etfs.csv of the outlook: EINC was closed on 2025-01-31; moments.csv of the trailing market does not have it.
    [("outlook", "nobody can buy it any more"), ("reference-customer", "the market has no return and risk of it")],
)
def test_what_was_not_considered_is_told_with_its_one_cause(name: str, einc: str) -> None:
    found = optimised(name)

    text = html.fromstring(page(found)).text_content()

    assert {pod: each.left_out for pod, each in found.pods.items() if each.left_out} == {
        "beta": ("EINC",),
        "delta": ("TECH",),
    }
    assert f"Not considered for Income (beta), since {einc}: EINC." in text
    assert "Not considered for Opportunistic (delta), since nobody can buy it any more: TECH." in text


def test_without_the_snapshot_no_single_cause_is_claimed() -> None:
    reference = optimised("outlook").market.model_copy(update={"sha256": "0" * 64})

    assert " or nobody can buy it any more" in why_not_considered(reference, "EINC")
    assert why_not_considered(optimised("outlook").market, "ZZZ") == "the market does not have it"


def test_what_is_never_to_be_bought_is_said_to_be_left_out_for_that() -> None:
    text = html.fromstring(written("shared")).text_content()

    assert "Not considered for Growth (gamma), since never to be bought: VTS." in text
    assert "several pods may own an ETF" in text


@pytest.mark.parametrize(
    "file",
    sorted((ROOT / "tests" / "contract" / "v1" / "messages").glob("*.MasterPortfolio*.json")),
    ids=lambda f: f.stem,
)
def test_events_of_earlier_versions_have_reports_too(file: Path) -> None:
    found = parse_final(file.read_bytes())

    assert found.request_id in page(found)
    assert slides(found)


def test_what_gave_way_is_said_with_what_was_possible_and_why() -> None:
    text = html.fromstring(written("outlook")).text_content()

    assert "Growth (gamma): Sharpe ratio of at least 1.50 was asked. Alone, with no other target," in text
    assert text.count("So no mix of the ETFs that this pod may hold reaches it") == 2
    assert "10 of 13 targets are met" in text


def test_who_has_nothing_to_do_is_told_why() -> None:
    text = html.fromstring(written("nothing-to-do")).text_content()

    assert "We suggest to change nothing." in text
    assert "getting there costs 69.40 AUD" in text
    assert "orders" not in tables(written("nothing-to-do"))


def test_sources_are_named_and_nothing_is_promised() -> None:
    text = html.fromstring(written("outlook")).text_content()

    assert "Vanguard Australia Dec 2025, Australian bonds 3.9-4.9%, midpoint" in text
    assert "Returns are expected over a time that the outlook does not state, not promised." in text


def test_a_snapshot_that_is_not_here_is_said_to_be_missing() -> None:
    found = optimised("existing-investor")
    other = found.market.model_copy(update={"id": "other", "sha256": "0" * 64})
    found = found.model_copy(update={"market": other})

    text = page(found)

    assert "It is not on the machine that wrote this report" in text
    assert "assumptions" not in tables(text)


EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


def test_words_of_people_never_become_markup() -> None:
    found = optimised("outlook")
    pods = {
        name: replace(account, mandate=replace(account.mandate, purpose=f"{EVIL}: {EVIL}"))
        for name, account in found.pods.items()
    }
    changes = {
        "customer_id": EVIL,
        "pods": pods,
        "goals": tuple(replace(goal, name=EVIL) for goal in found.goals),
        "holdings": tuple(replace(holding, name=EVIL, asset_class=EVIL) for holding in found.holdings),
        "certificate": replace(found.certificate, restricted=(EVIL,)),
    }

    text = page(found.model_copy(update=changes))

    _harmless(text)
    assert EVIL in html.fromstring(text).text_content()


def test_neither_do_those_of_a_failure() -> None:
    text = page(MasterPortfolioFailed(request_id="r", customer_id=EVIL, reason=Reason.INTERNAL_ERROR, message=EVIL))

    _harmless(text)


def _harmless(text: str) -> None:
    document = html.fromstring(text)
    assert {element.tag for element in document.iter() if isinstance(element.tag, str)} <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "h1",
        "dl",
        "div",
        "dt",
        "dd",
        "main",
        "section",
        "h2",
        "ul",
        "li",
        "strong",
        "span",
        "p",
        "figure",
        "figcaption",
        "picture",
        "source",
        "img",
        "table",
        "caption",
        "thead",
        "tr",
        "th",
        "tbody",
        "td",
        "footer",
    }
    allowed = {
        "class",
        "data-column",
        "id",
        "src",
        "srcset",
        "alt",
        "media",
        "name",
        "content",
        "charset",
        "http-equiv",
        "lang",
    }
    allowed |= {"scope", "role", "tabindex", "aria-label", "aria-labelledby"}
    assert {key for element in document.iter() for key in element.attrib} <= allowed


def test_letters_that_turn_others_around_are_not_written() -> None:
    found = optimised("reference-customer").model_copy(update={"customer_id": "a\u202etxt\x00"})

    assert "a?txt?" in page(found)


@pytest.mark.parametrize("name", ["existing-investor", "reference-customer"])
def test_the_page_needs_nothing_from_anywhere(name: str) -> None:
    document = html.fromstring(written(name))

    for element in document.iter("img", "source"):
        assert (element.get("src") or element.get("srcset")).startswith("data:image/svg+xml;base64,")
    for image in document.iter("img"):
        assert image.get("alt")
    assert not list(document.iter("script", "link", "iframe", "object", "a"))
    assert "url(" not in written(name)
    (policy,) = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    (style,) = document.xpath("//style/text()")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy


def test_who_vouches_is_said_and_how_to_check() -> None:
    signed = optimised("existing-investor").model_copy(update={"signature": Signature(key="UABC", value="x")})

    assert "signed with the key UABC" in page(signed)
    assert "podfolio verify EVENT.json --key KEY" in page(signed)
    assert "not signed: nothing in it says who wrote it" in html.fromstring(written("existing-investor")).text_content()
    assert "It was looked at." in page(signed, checked=("It was looked at.",))


def test_a_conflict_is_told_with_every_repair() -> None:
    found = failed("conflict")
    assert found.repairs

    text = page(found)

    assert tables(text).keys() == {"conflicts", "repairs"}
    shown = html.fromstring(text).text_content()
    for conflict in found.conflicts:
        assert conflict.words in shown
    rows = html.fromstring(text).xpath("//table[@id='t-repairs']/tbody/tr")
    assert [[cell.text_content() for cell in row] for row in rows] == [
        ["beta.max_position", "40.00%", "100.00%"],
        ["delta.max_position", "40.00%", "100.00%"],
        ["duplicates", "forbid", "penalise"],
        ["max_etfs", "9", "11"],
    ]


@pytest.mark.parametrize("reason", Reason)
def test_every_failure_says_what_happened_and_what_to_do_next(reason: Reason) -> None:
    found = MasterPortfolioFailed(request_id="r", reason=reason, message="no answer", missing_pods=("gamma",))

    document = html.fromstring(page(found))

    happened, todo = (p.text_content() for p in document.xpath("//section[@id='summary']/p"))
    assert happened != todo
    assert todo.endswith(".")
    assert f"{reason.words}: no answer" in document.text_content()
    assert "No answer came from: gamma." in document.text_content()
