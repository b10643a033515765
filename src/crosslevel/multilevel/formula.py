"""Formula text -> terms, by an allow-list grammar; no data and nothing evaluated.

formula  :=  atom "~" sum                       sum   := ["-"] item (("+" | "-") item)*
item     :=  "0" | "1" | product | "(" sum ("|" | "||") groups ")"
product  :=  inter ("*" inter)*                 inter := part (":" part)*
part     :=  atom | "(" sum ")"                 atom  := column | call
call     :=  function "(" column [, column] [, options] ")"
options  :=  C(x, treatment | sum | helmert, ref="level"), poly(x, degree), ns(x, df)
groups   :=  column (("/" | ":") column)*
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crosslevel.errors import did_you_mean
from crosslevel.multilevel.tokens import Token, tokens, trouble

FUNCTIONS = {"C": 1, "log": 1, "sqrt": 1, "within": 2, "between": 2, "poly": 1, "ns": 1}
CODINGS = ("treatment", "sum", "helmert")


@dataclass(frozen=True, slots=True)
class Atom:
    """One variable of a formula: a column, or a function of one or two columns.

    `coding` and `reference` are options of C(), `size` is the number of columns of poly() and ns().
    """

    function: str
    columns: tuple[str, ...]
    coding: str = "treatment"
    reference: str = ""
    size: int = 0

    def __str__(self) -> str:
        words = [*self.columns, str(self.size)] if self.size else [*self.columns]
        words += [self.coding] if self.coding != "treatment" else []
        words += [f"ref='{self.reference}'"] if self.reference else []
        inside = ", ".join(words)
        return f"{self.function}({inside})" if self.function else inside


Term = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """One block of random coefficients: its terms, and the columns that make its groups."""

    intercept: bool
    terms: tuple[Term, ...]
    groups: tuple[str, ...]

    @property
    def group(self) -> str:
        """Name of the grouping factor, outer column first: `hospital:unit`."""
        return ":".join(self.groups)


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed model: response, fixed terms by degree, and blocks of random coefficients."""

    text: str
    response: Atom
    intercept: bool
    terms: tuple[Term, ...]
    random: tuple[RandomTerm, ...]

    def columns(self) -> tuple[str, ...]:
        """Names of all columns the formula uses, in order of appearance, each once."""
        seen = dict.fromkeys(self.response.columns)
        for terms in (self.terms, *(r.terms for r in self.random)):
            seen.update(dict.fromkeys(c for term in terms for atom in term for c in atom.columns))
        for random in self.random:
            seen.update(dict.fromkeys(random.groups))
        return tuple(seen)


def parse(text: str) -> Formula:
    """Return the parsed formula.

    Parameters
    ----------
    text
        For example `"goal_learning ~ tenure * use + (1 + tenure | hospital/unit)"`.

    Raises
    ------
    FormulaError
        With the position of the first word that does not fit.

    Notes
    -----
    `a*b` is `a + b + a:b`; `(1 | g1/g2)` is `(1 | g1) + (1 | g1:g2)`; `(a || g)` is
    `(1 | g) + (0 + a | g)`. Terms are ordered by degree, as R does.

    Examples
    --------
    >>> formula = parse("y ~ x*z + (1 + x | g)")
    >>> [":".join(map(str, term)) for term in formula.terms]
    ['x', 'z', 'x:z']
    >>> formula.random[0].group, formula.random[0].intercept
    ('g', True)
    """
    return _Parser(text).formula()


@dataclass(frozen=True, slots=True)
class _Sum:
    """Terms gathered so far on one level of brackets; the intercept is None when not named."""

    intercept: bool | None
    terms: tuple[Term, ...]
    random: tuple[RandomTerm, ...]


class _Parser:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.order: dict[Atom, int] = {}

    @property
    def _token(self) -> Token:
        return self.tokens[self.at]

    def _take(self) -> Token:
        token = self._token
        self.at += 1
        return token

    def _expect(self, text: str, fix: str = "") -> None:
        if self._token.text != text or self._token.kind not in ("symbol",):
            raise self._wrong(f"'{text}'", fix)
        self.at += 1

    def _wrong(self, expected: str, fix: str = "") -> Exception:
        found = f"'{self._token.text}'" if self._token.kind != "end" else "the end"
        message = f"expected {expected}, found {found}."
        return trouble(self.text, self._token.position, message, fix)

    def formula(self) -> Formula:
        """Return the whole formula."""
        response = self._atom()
        self._expect("~", "A formula reads: outcome ~ predictors + (1 | unit).")
        self.order.clear()
        total = self._sum(top=True)
        if self._token.kind != "end":
            raise self._wrong("'+' or the end")
        for term in total.terms:
            if response in term:
                raise trouble(self.text, 1, f"the outcome '{response}' is also a predictor.")
        terms = tuple(sorted(total.terms, key=len))
        return Formula(self.text, response, total.intercept is not False, terms, total.random)

    def _sum(self, *, top: bool) -> _Sum:
        intercept: bool | None = None
        terms: dict[Term, None] = {}
        random: tuple[RandomTerm, ...] = ()
        sign = self._take().text if self._token.text in ("-", "+") else "+"
        while True:
            token = self._token
            if token.kind == "number":
                intercept = (self._number() == "1") is (sign == "+")
            elif top and token.text == "(" and self._is_random():
                if sign == "-":
                    raise self._wrong("a term after '-'", "Leave the random term out instead.")
                random = self._with_random(random)
            elif sign == "+":
                terms.update(dict.fromkeys(self._product()))
            else:
                for term in self._product():
                    terms.pop(term, None)
            if self._token.text not in ("+", "-"):
                return _Sum(intercept, tuple(terms), random)
            sign = self._take().text

    def _number(self) -> str:
        if self._token.text not in ("0", "1"):
            raise self._wrong("a term", "Only 0 and 1 may stand alone (no intercept, intercept).")
        return self._take().text

    def _product(self) -> tuple[Term, ...]:
        result = self._interaction()
        while self._token.text == "*":
            self._take()
            right = self._interaction()
            result = _unique((*result, *right, *self._crossed(result, right)))
        return result

    def _interaction(self) -> tuple[Term, ...]:
        result = self._part()
        while self._token.text == ":":
            self._take()
            result = self._crossed(result, self._part())
        return result

    def _crossed(self, left: tuple[Term, ...], right: tuple[Term, ...]) -> tuple[Term, ...]:
        return _unique(
            tuple(sorted({*a, *b}, key=self.order.__getitem__)) for a in left for b in right
        )

    def _part(self) -> tuple[Term, ...]:
        if self._token.text != "(":
            atom = self._atom()
            self.order.setdefault(atom, len(self.order))
            return ((atom,),)
        start = self._take().position
        inner = self._sum(top=False)
        self._expect(")")
        if inner.intercept is not None:
            raise trouble(self.text, start, "0 or 1 has no meaning inside these brackets.")
        return inner.terms

    def _atom(self) -> Atom:
        if self._token.kind != "name":
            raise self._wrong("a column name")
        name = self._take()
        if self._token.text != "(":
            return Atom("", (name.text,))
        if name.text not in FUNCTIONS:
            known = ", ".join(f"{f}()" for f in FUNCTIONS)
            hint = did_you_mean(name.text, FUNCTIONS) or f"Known: {known}."
            message = f"there is no function '{name.text}'."
            raise trouble(self.text, name.position, message, hint)
        self._take()
        columns = [self._column()]
        for _ in range(FUNCTIONS[name.text] - 1):
            self._expect(",", f"{name.text}() takes a column and a grouping column.")
            columns.append(self._column())
        size = self._size(name.text) if name.text in ("poly", "ns") else 0
        coding, reference = self._coding() if name.text == "C" else ("treatment", "")
        self._expect(")")
        return Atom(name.text, tuple(columns), coding, reference, size)

    def _size(self, function: str) -> int:
        self._expect(",", f"It takes a column and a number, as in {function}(tenure, 3).")
        if not self._token.text.isdecimal() or int(self._token.text) < 1:
            raise self._wrong("a whole number of one or more")
        return int(self._take().text)

    def _coding(self) -> tuple[str, str]:
        coding, reference = "treatment", ""
        while self._token.text == ",":
            self._take()
            word = self._token
            if word.text == "ref":
                self._take()
                self._expect("=", "The reference level is written ref='level'.")
                if self._token.kind not in ("name", "string", "number"):
                    raise self._wrong("a level such as 'nurse'")
                reference = self._take().text
            elif word.kind == "name" and word.text in CODINGS:
                coding = self._take().text
            else:
                hint = did_you_mean(word.text, CODINGS)
                raise self._wrong(f"{', '.join(CODINGS)} or ref='level'", hint)
        return coding, reference

    def _column(self) -> str:
        if self._token.kind != "name":
            raise self._wrong("a column name")
        return self._take().text

    def _is_random(self) -> bool:
        """Whether the bracket that opens here holds a bar on its own level."""
        depth = 0
        for token in self.tokens[self.at :]:
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return False
            if depth == 1 and token.text in ("|", "||"):
                return True
        return False

    def _with_random(self, before: tuple[RandomTerm, ...]) -> tuple[RandomTerm, ...]:
        start = self._token.position
        self._expect("(")
        outside, self.order = self.order, {}
        inner = self._sum(top=False)
        self.order = outside
        bar = self._take().text
        groupings = self._groupings()
        self._expect(")")
        intercept = inner.intercept is not False
        if not intercept and not inner.terms:
            raise trouble(self.text, start, "this random term holds no coefficient.")
        terms = tuple(sorted(inner.terms, key=len))
        new: list[RandomTerm] = []
        for groups in groupings:
            if bar == "|":
                new.append(RandomTerm(intercept, terms, groups))
                continue
            new += [RandomTerm(True, (), groups)] if intercept else []
            new += [RandomTerm(False, (term,), groups) for term in terms]
        for term in new:
            if any(_overlap(term, other) for other in before):
                message = f"a random coefficient of '{term.group}' appears twice."
                raise trouble(self.text, start, message)
        return (*before, *new)

    def _groupings(self) -> list[tuple[str, ...]]:
        result: list[tuple[str, ...]] = []
        current: tuple[str, ...] = (self._column(),)
        while self._token.text in ("/", ":"):
            if self._take().text == "/":
                result.append(current)
            current = (*current, self._column())
        return [*result, current]


def _unique(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(dict.fromkeys(terms))


def _overlap(a: RandomTerm, b: RandomTerm) -> bool:
    if set(a.groups) != set(b.groups):
        return False
    return (a.intercept and b.intercept) or bool(set(a.terms) & set(b.terms))
