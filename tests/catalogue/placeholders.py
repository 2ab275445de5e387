"""Name what stands in the gaps of a sentence: ``request.deadline_s`` is told as ``deadline_s``."""

from __future__ import annotations

import ast
import re
from functools import cache

# Calls that change how a thing looks, not what it is: told as what they are given last.
_DRESSING = {
    "_printable",
    "_say",
    "_show",
    "_shown",
    "abs",
    "dict",
    "float",
    "int",
    "list",
    "map",
    "max",
    "min",
    "named",
    "repr",
    "round",
    "set",
    "printable",
    "show",
    "sorted",
    "str",
    "tuple",
    "words",
    "_words_of",
    "_write_setting",
}
_SAME = {"capitalize", "isoformat", "items", "keys", "lower", "relative_to", "strip", "sum", "values"}
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "x", ast.Div: "/"}

_GAP = re.compile(r"\{[^{}]*\}")
# A gap that ``str.format`` fills: its format is no matter for people.
_FORMAT = re.compile(r"\{(\w+):[^{}]*\}")


def template(text: ast.expr) -> str:
    """Write a literal or an f-string as people read it, its gaps named in braces."""
    if isinstance(text, ast.Constant):
        return _FORMAT.sub(r"{\1}", str(text.value)).replace("{{", "{").replace("}}", "}")
    assert isinstance(text, ast.JoinedStr)
    return "".join(_part(part) for part in text.values)


@cache
def pattern(said: str) -> re.Pattern[str]:
    """Make an expression that finds what a template became, with a group a gap."""
    return re.compile("(.+?)".join(re.escape(literal) for literal in _GAP.split(said)), re.DOTALL)


@cache
def literals(said: str) -> str:
    """Take the gaps out of a template."""
    return _GAP.sub("", said)


def may_be_in(said: str, text: str) -> bool:
    """Whether all that stands between the gaps of a template is in a text: much quicker asked than its pattern."""
    return all(part in text for part in _parts(said))


@cache
def _parts(said: str) -> tuple[str, ...]:
    return tuple(_GAP.split(said))


def _part(part: ast.expr) -> str:
    if not isinstance(part, ast.FormattedValue):
        return template(part)
    if isinstance(part.value, ast.IfExp) and all(_is_text(each) for each in (part.value.body, part.value.orelse)):
        either = [template(part.value.body), template(part.value.orelse)]
        return "{" + " or ".join(_GAP.sub(lambda gap: gap[0][1:-1], one).strip() or "nothing" for one in either) + "}"
    spec = template(part.format_spec) if part.format_spec else ""
    return "{" + name(part.value) + "}" + ("%" if spec.endswith("%") else "")


def _is_text(text: ast.expr) -> bool:
    return isinstance(text, ast.JoinedStr) or (isinstance(text, ast.Constant) and isinstance(text.value, str))


def name(value: ast.expr) -> str:  # noqa: C901, PLR0911, PLR0912 - one case a kind of expression
    """Name a value in words."""
    match value:
        case ast.Name(id="self"):
            return "this"
        case ast.Name(id=text):
            return text.strip("_").lower()
        case ast.Attribute(value=of, attr="id" | "name" | "value" | "words") if not _is_self(of):
            return name(of)
        case ast.Attribute(value=of, attr="size"):
            return f"number of {name(of)}"
        case ast.Attribute(attr=text):
            return text.strip("_").lower()
        case ast.Subscript(slice=ast.Constant(value=str(text))):
            return text
        case ast.Subscript(value=of):
            return name(of)
        case ast.Call():
            return _call(value)
        case ast.GeneratorExp() | ast.ListComp() | ast.SetComp():
            return name(value.generators[0].iter)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return f"{name(left)} {_OPERATORS[type(sign)]} {name(right)}"
        case ast.BinOp(left=inner) | ast.UnaryOp(operand=inner) | ast.Starred(value=inner) | ast.IfExp(body=inner):
            return name(inner)
        case ast.BoolOp(values=several):
            return " or ".join(name(each) for each in several)
        case ast.Constant() | ast.JoinedStr():
            return _GAP.sub(lambda gap: gap[0][1:-1], template(value))
        case _:
            return "..."


def _is_self(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id == "self"


def _call(call: ast.Call) -> str:  # noqa: PLR0911 - one case a kind of call
    match call:
        case ast.Call(func=ast.Name(id="counted"), args=[_, noun, *plural]):
            of = name(noun)
            return f"1 {of} or 2 {name(plural[0]) if plural else f'{of}s'}"
        case ast.Call(func=ast.Attribute(attr="join"), args=[joined, *_]):
            return name(joined)
        case ast.Call(func=ast.Name(id="len"), args=[counted]):
            return f"number of {name(counted)}"
        case ast.Call(func=ast.Name(id="sum"), args=[summed, *_]):
            return f"sum of {name(summed)}"
        case ast.Call(func=ast.Name(id=dressing) | ast.Attribute(attr=dressing), args=[*_, last]) if (
            dressing in _DRESSING
        ):
            return name(last)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(text)), *_]):
            return text
        case ast.Call(func=ast.Attribute(value=of, attr=text)) if text in _SAME:
            return name(of)
        case _:
            return name(call.func)
