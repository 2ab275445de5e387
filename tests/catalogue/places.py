"""Where a person meets which sentences, and when: by the file and the function that say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalogue.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Moment:
    """When sentences are said.

    Attributes:
        when: In words.
        said_by: Beginnings of ``file::function``, and ``!`` if only errors are meant; of several, the longest counts.
    """

    when: str
    said_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Where a person meets sentences.

    Attributes:
        title: In a few words.
        told: How they come to that person.
        moments: When they are said.
    """

    title: str
    told: str
    moments: tuple[Moment, ...]


CHAPTERS = (
    Chapter(
        "A request is refused",
        "In the final event, before anything is optimised. `reason` is `invalid_request`, `unknown_pod`, "
        "`unknown_market` or `unknown_etf`. A field is told by its path, entries of lists counted from 0; up to eight "
        "mistakes are told at once.",
        (
            Moment(
                "The body is no JSON, or a field is missing, not known, of the wrong type or out of bounds",
                ("bus/language/mistakes.py", "bus/language/forms.py", "portfolio/plain_text.py"),
            ),
            Moment(
                "Fields are right each for itself, and contradict each other",
                ("bus/language/messages/requests.py", "bus/language/messages/parsing.py"),
            ),
            Moment(
                "The request names what this system does not have, or shares that nobody could invest",
                (
                    "coordinator/decisions.py::admit",
                    "coordinator/decisions.py::_refuse",
                    "portfolio/market/snapshot.py::load",
                    "portfolio/market/snapshot.py::positions",
                    "portfolio/account/money_goals.py",
                ),
            ),
            Moment(
                "Priorities or limits on correlations are for goals or pods that the request does not have",
                ("portfolio/terms/goals.py::strange_names",),
            ),
            Moment(
                "The account has what nobody can own, too little, or not the facts that the tax law asks for",
                (
                    "portfolio/case/inventory.py::_refuse",
                    "portfolio/case/inventory.py::refuse",
                    "portfolio/case/inventory.py::settle",
                    "portfolio/case/inventory.py::not_described",
                    "portfolio/tax/parcels.py::__",
                    "portfolio/tax/parcels.py::missing_facts",
                    "portfolio/tax/regime.py",
                    "portfolio/tax/taxpayer.py",
                ),
            ),
            Moment("The rules cannot be rules", ("portfolio/terms/rules.py",)),
            Moment("The subject names no request", ("coordinator/shell.py::put_aside", "bus/language/subjects.py")),
        ),
    ),
    Chapter(
        "A pod fails",
        "In the pod's message and in the final event, with the `reason` `goal_unreachable` or `rules_conflict`. What "
        "several pods have to say stands one after the other.",
        (
            Moment("The pod may not buy enough ETFs", ("portfolio/pod/optimise.py::_refuse_small_universe",)),
            Moment(
                "No mix of its ETFs reaches its goals, and goals must not give way (`on_unreachable: fail`)",
                (
                    "portfolio/pod/optimise.py::_refuse_unreachable",
                    "portfolio/pod/optimise.py::_conflict",
                    "portfolio/pod/optimise.py::#",
                ),
            ),
            Moment("What it is to make the most of is not there", ("portfolio/pod/optimise.py::optimise_sleeve",)),
            Moment(
                "An agent is started with a mandate that is none",
                ("agents/mandate_files.py", "portfolio/terms/mandate.py"),
            ),
        ),
    ),
    Chapter(
        "Rules contradict each other",
        "In the final event, with the `reason` `rules_conflict`: `message` as a whole, `conflicts` and `repairs` one "
        "by one.",
        (
            Moment("The whole sentence, and what would repair it", ("portfolio/master/conflict.py",)),
            Moment(
                "The rules that it names",
                (
                    "portfolio/master/statement/holdings.py",
                    "portfolio/master/statement/trade_rows.py",
                    "portfolio/case/ranking.py",
                ),
            ),
        ),
    ),
    Chapter(
        "Goals give way",
        "With the portfolio: in `goals` of the final event, and on the page that the commands show.",
        (
            Moment(
                "What a goal asks",
                (
                    "portfolio/terms/goals.py",
                    "portfolio/market/measure.py::words",
                    "portfolio/market/measure.py::label",
                ),
            ),
            Moment(
                "What was asked, what was possible and what is delivered",
                ("cli/pages/final_event.py::_goals", "report/facts/sentences.py::read_aloud"),
            ),
        ),
    ),
    Chapter(
        "Orders, and why",
        "With the portfolio of a request that has an account: in `trading` of the final event, and on the page.",
        (
            Moment("Why an ETF is bought or sold; `why` of an order", ("portfolio/orders/plan.py",)),
            Moment(
                "Why a holding is neither traded nor counted; `why` of what is kept",
                ("portfolio/case/inventory.py::in_play",),
            ),
            Moment("Why money is not invested; `reasons` of `idle`", ("portfolio/orders/idle.py",)),
            Moment("Whether the switch pays; `words` of `switch`", ("portfolio/account/switch.py",)),
            Moment("What forces the dearest sales; `words` of `switch.forced`", ("portfolio/orders/forced.py",)),
            Moment("What is to be known of the orders", ("report/facts/sentences.py",)),
            Moment("How the tax on capital gains comes about", ("report/facts/parcels.py",)),
        ),
    ),
    Chapter(
        "It does not pay to trade",
        "With a portfolio that has no orders; the figures are in `does_not_pay` of the final event.",
        (
            Moment(
                "What is owned is better than what trading would make of it",
                ("report/facts/sentences.py::why_no_order",),
            ),
        ),
    ),
    Chapter(
        "Deadlines and overload",
        "In the final event, with the `reason` `deadline_exceeded`, `overloaded` or `solver_failed`.",
        (
            Moment("A pod has not answered when the deadline comes", ("coordinator/decisions.py::_late",)),
            Moment("More was asked than can be answered in time", ("coordinator/load.py",)),
            Moment("The time passed before the search", ("coordinator/budget.py::waited_too_long",)),
            Moment(
                "The search ended without a portfolio",
                ("portfolio/master/coordinated_portfolio.py", "portfolio/orders/whole_units.py::refusal"),
            ),
        ),
    ),
    Chapter(
        "The system failed",
        "In the final event, through no fault of the request: with the `reason` `internal_error`, `solver_failed`, "
        "`markets_differ`, `result_not_genuine` or `unknown_market`.",
        (
            Moment(
                "A process crashed, hung or ran out of memory",
                (
                    "bus/process/answering.py",
                    "bus/process/child.py",
                    "bus/process/workers.py",
                    "agents/worker.py",
                    "coordinator/shell.py",
                ),
            ),
            Moment(
                "Parts of the system are of different versions",
                (
                    "coordinator/consolidation.py::_sleeve",
                    "coordinator/decisions.py::_weigh",
                    "coordinator/decisions.py::_read_answer",
                ),
            ),
            Moment(
                "An answer is not signed by its pod, or the public key of the pod is not known",
                ("coordinator/genuine.py", "bus/language/signing.py", "bus/language/exact.py"),
            ),
            Moment(
                "A market's files are not in order: mend the one named, or use a market that comes with Podfolio",
                ("portfolio/market/snapshot.py",),
            ),
            Moment(
                "The solver cannot be trusted",
                ("portfolio/master/goal_programming.py", "portfolio/integer_program.py", "portfolio/pod/optimise.py"),
            ),
            Moment("The portfolio did not pass its own check", ("coordinator/consolidation.py",)),
        ),
    ),
    Chapter(
        "Advice is stopped",
        "In the final event, with the `reason` `stopped`; from `podfolio watch` and on the dashboard.",
        (
            Moment("A request is refused while a stop is in force", ("coordinator/stops.py::refusal",)),
            Moment("A stop is described", ("bus/language/stopped.py",)),
            Moment("A stop is set or lifted", ("cli/client/stops.py", "cli/commands/stop.py")),
        ),
    ),
    Chapter(
        "Orders are approved, contracts are stored",
        "From `podfolio approve`, `podfolio approvals`, `podfolio orders export`, `podfolio fills import` and "
        "`podfolio verify`.",
        (
            Moment(
                "An adviser decides about a final event",
                ("cli/client/approvals.py", "cli/commands/approve.py", "bus/language/adviser_keys.py"),
            ),
            Moment("A decision is verified", ("cli/trust/approval.py",)),
            Moment("A portfolio is not approved, and not exported", ("book/approved.py", "cli/commands/orders.py")),
            Moment("Contracts of a broker are stored", ("cli/client/fills.py", "cli/commands/fills.py")),
        ),
    ),
    Chapter(
        "What the check found",
        "After that sentence, and in what `podfolio verify` says of an event that was changed: everything in which an "
        "event contradicts itself, the market or the rules. None of it calls for a change of the request.",
        (Moment("Rules or figures do not hold", ("portfolio/check/",)),),
    ),
    Chapter(
        "The server",
        "From every command and process that needs the NATS server: on standard error, and then in the log. Processes "
        "try again by themselves where a sentence says so.",
        (
            Moment(
                "There is no connection, or not with this key",
                ("bus/transports/jetstream/connection/wire.py", "bus/language/seeds.py"),
            ),
            Moment(
                "The server is not set up, or has other settings",
                (
                    "bus/transports/jetstream/connection/server_errors.py",
                    "bus/administration/setup.py",
                    "bus/process/frame.py",
                ),
            ),
            Moment(
                "A market is published or fetched",
                ("bus/transports/snapshots.py", "bus/transports/jetstream/storage/bucket.py"),
            ),
            Moment(
                "A message is too large, or has no room",
                ("bus/port.py", "bus/transports/jetstream/storage/publication.py"),
            ),
            Moment("The server does not answer, or not wholly", ("bus/transports/jetstream/", "bus/")),
            Moment("A server of one's own does not start", ("bus/administration/server.py",)),
            Moment("A process cannot say how it is", ("bus/process/http.py",)),
        ),
    ),
    Chapter(
        "How sure is this",
        "In the challenge that is published beside a final event.",
        (
            Moment("How sure the suggestion is", ("portfolio/robustness/",)),
            Moment("There is no challenge", ("challenger/",)),
            Moment("A challenge does not hold", ("portfolio/check/challenge.py",)),
        ),
    ),
    Chapter(
        "The command line",
        "From `podfolio` itself; errors on standard error.",
        (
            Moment("A file cannot be read", ("portfolio/files.py",)),
            Moment(
                "A request is asked",
                ("cli/client/requests.py", "cli/client/answers.py", "cli/arguments.py", "cli/pages/bar.py"),
            ),
            Moment(
                "An event is verified",
                (
                    "cli/trust/verify.py",
                    "cli/trust/challenge.py",
                    "cli/trust/pod_answers.py",
                    "bus/language/public_key.py",
                    "bus/language/pod_keys.py",
                ),
            ),
            Moment("Keys are made", ("cli/trust/keys.py", "cli/commands/keys.py")),
            Moment("The stream is watched", ("cli/pages/stream.py",)),
            Moment(
                "A server is set up, or the whole system started",
                ("cli/pages/steps.py", "cli/system/whole.py", "cli/commands/up.py"),
            ),
            Moment(
                "A market is made of prices",
                ("portfolio/market/history/", "cli/commands/market.py::build", "cli/pages/market.py::show_built"),
            ),
            Moment("Markets are shown, published or fetched", ("cli/commands/market.py", "cli/pages/market.py")),
            Moment(
                "Two requests or two final events are compared",
                ("cli/commands/compare.py", "cli/what_if/differences.py", "cli/what_if/side_by_side.py"),
            ),
            Moment(
                "One rule is swept, to see what each value costs",
                ("cli/commands/frontier.py", "cli/what_if/frontier_page.py"),
            ),
            Moment("Steps of several years are planned", ("cli/commands/plan.py", "cli/what_if/plan_page.py")),
            Moment(
                "A walk goes through past prices",
                ("cli/commands/backtest.py", "cli/what_if/backtest.py", "cli/pages/backtest.py", "backtest/"),
            ),
            Moment("A report is written", ("cli/commands/report.py", "cli/trust/examination.py")),
            Moment(
                "The dashboard is started",
                ("cli/commands/dashboard.py", "cli/system/browser.py", "cli/commands/demo.py", "dashboard/serve.py"),
            ),
            Moment("A request is checked without a server", ("cli/what_if/valid.py", "cli/commands/validate.py")),
            Moment(
                "Requests are listed, and a final event is found again",
                ("cli/client/finals.py", "cli/client/listing.py", "cli/commands/list.py", "cli/commands/show.py"),
            ),
            Moment(
                "A fake system answers, or a stream is recorded",
                ("cli/client/fake.py", "cli/client/recording.py", "cli/commands/fake.py"),
            ),
            Moment(
                "Messages are archived, and the record of one request is written",
                ("cli/archive/", "cli/commands/archive.py", "cli/commands/record.py"),
            ),
            Moment("Other commands", ("cli/", "agents/", "coordinator/")),
        ),
    ),
    Chapter(
        "The dashboard",
        "In the browser, of `podfolio dashboard`: of a request in its row, and in full where it is opened.",
        (
            Moment("A request in its row", ("dashboard/row.py", "dashboard/board.py")),
            Moment(
                "A request that is opened, here or in the terminal",
                (
                    "dashboard/opened.py",
                    "dashboard/portfolio.py",
                    "report/story/screen.py",
                    "report/story/switch.py",
                    "report/story/targets.py",
                    "report/facts/separate.py",
                ),
            ),
            Moment("The page, and what it cannot show", ("dashboard/",)),
        ),
    ),
    Chapter(
        "The report",
        "From `podfolio report`: a page or slides for the customer, to whom a pod is a part of the money.",
        (
            Moment("There is no portfolio", ("report/story/refusal.py",)),
            Moment(
                "What is suggested",
                ("report/story/suggestion.py", "report/facts/positions.py", "report/story/compose.py::_summary"),
            ),
            Moment("What it costs", ("report/story/costs.py",)),
            Moment("Which goals are met, and which are not", ("report/story/outcome.py", "report/story/compose.py")),
            Moment("What it rests on", ("report/story/assumptions.py",)),
            Moment("On every page and slide", ("report/",)),
        ),
    ),
    Chapter(
        "The whole book",
        "From `podfolio book`: in the report of a run, or on the terminal.",
        (
            Moment("A line of the book cannot be asked", ("book/requests.py", "book/lines.py")),
            Moment("The system or the server does not answer", ("book/run.py",)),
            Moment("What became of an account", ("book/outcome.py",)),
            Moment("The report of a run, orders and fills", ("book/", "cli/pages/book.py", "cli/commands/book.py")),
            Moment("An account is due", ("book/due.py", "book/look.py")),
            Moment("A reviewer skips a customer", ("reviewer/",)),
        ),
    ),
    Chapter(
        "For who calls the optimiser from Python",
        "A request that arrives here has been read and checked before: only a program of one's own meets these.",
        (Moment("Arguments contradict each other", ("portfolio/",)),),
    ),
)


def place_of(sentence: Sentence) -> tuple[Chapter, Moment]:
    """Find where a person meets a sentence."""
    found = [
        (len(beginning), chapter, moment)
        for chapter in CHAPTERS
        for moment in chapter.moments
        for beginning in moment.said_by
        if f"{sentence.place}{'!' if sentence.is_error else ''}".startswith(beginning)
    ]
    _, chapter, moment = max(found, key=lambda each: each[0])
    return chapter, moment
