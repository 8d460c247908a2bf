"""What the table of endpoints says of each: a value per difference, and what follows from them.

Every value is documented by the exchange unless its comment says not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_binance_liq.core.units import DAY_MS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.families import Family
    from airflow_provider_binance_liq.core.kinds import Amount, RowKind

#: what an account is: `any` stands for both
AccountType = Literal["classic", "portfolio_margin", "any"]


@dataclass(frozen=True, slots=True)
class Pager:
    """How the rows of an interval are divided into answers, and how an answer holds them."""

    #: by time: a list, cut at an end that is not documented; by number: pages, with the number of all rows
    by: Literal["time", "number"]
    #: name of the parameter that says how many rows an answer may hold
    size_parameter: Literal["limit", "size"]
    #: most rows that one request returns
    page_size: int
    #: rows returned where the request does not say how many
    default_page_size: int
    #: name of the parameter after whose value ids are answered; None where there is none
    id_parameter: str | None = None
    #: numbered pages begin with the newest row; documented for one of them, the others say nothing
    newest_first: bool = False


@dataclass(frozen=True, slots=True)
class Symbols:
    """What a request may name a symbol for."""

    parameter: str
    #: `filter`: only rows of the symbol; `isolated`: the rows of that isolated margin account instead
    selects: Literal["filter", "isolated"]
    #: path of the public list of symbols, and the family whose origin serves it
    listed_at: str | None = None
    listed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """Rows of an endpoint that has others too: those that say one of `others` are no liquidations.

    What says neither, because the exchange has it since yesterday, is kept.
    """

    field: str
    liquidations: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table."""

    name: str
    title: str
    path: str
    family: Family
    #: what kind of account has it
    account_type: AccountType
    pager: Pager
    kind: RowKind
    #: documented fields of a row, in their order
    fields: tuple[str, ...]
    #: weight of one request
    weight: int
    documentation: str
    #: weight of one request that names a symbol, where that is another
    symbol_weight: int | None = None
    #: what a request may name a symbol for; None where it cannot
    symbols: Symbols | None = None
    #: whether the request takes `autoCloseType`
    takes_auto_close_type: bool = False
    #: which of the rows are liquidations; None where all are
    restriction: Restriction | None = None
    #: quantities count contracts of a fixed worth in USD, not amounts of the base asset
    in_contracts: bool = False
    #: days that the exchange is documented to keep; None where nothing is documented
    retention_days: int | None = None
    #: longest span of one request, in days; kept strictly below. Undocumented for some: the siblings' 7 then
    max_span_days: int = 7
    #: milliseconds between two requests of one account; 0 where nothing is documented
    min_interval_ms: int = 0
    #: `startTime` and `endTime` are documented to be inclusive
    bounds_are_documented: bool = False
    #: why an answer without rows would be no proof that nothing was liquidated
    caveat: str = ""

    @property
    def weight_pool(self) -> str:
        """The budget that a request draws on: `futures`, `papi`, or one per sapi endpoint."""
        family = self.family
        return f"{family.weight_pool}:{self.name}" if family.weight_per_endpoint else family.weight_pool

    @property
    def max_span_ms(self) -> int:
        """Longest span of one request in ms, strictly below what is documented."""
        return self.max_span_days * DAY_MS - 1

    @property
    def amount(self) -> Amount | None:
        """What a row is worth; None where it states no amount that may be added up."""
        return self.kind.amount_in_contracts if self.in_contracts else self.kind.amount

    @property
    def is_by_time(self) -> bool:
        """Whether answers are cut by time, without a number of pages."""
        return self.pager.by == "time"

    @property
    def asks_isolated_apart(self) -> bool:
        """Whether rows of an isolated margin account are answered only where its symbol is named."""
        return self.symbols is not None and self.symbols.selects == "isolated"

    @property
    def operator_name(self) -> str:
        """Name of the operator's class for this endpoint."""
        return f"{self.name.title().replace('_', '')}LiquidationsOperator"

    def request_weight(self, *, symbol: bool) -> int:
        """Weight of one request, with or without a symbol."""
        return self.symbol_weight if symbol and self.symbol_weight is not None else self.weight
