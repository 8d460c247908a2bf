"""The table of endpoints: every row is linted, and every value is pinned against what is documented."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES, ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.kinds import KINDS, ORDER
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.exceptions import InvalidRequest

#: name → family, path, paging, weight without and with a symbol, sizes, symbol filter, instants
DOCUMENTED = {
    "usdm_futures": (
        "fapi", "/fapi/v1/forceOrders", "time", 50, 20, (50, 100), "symbol", ("time", "updateTime"),
    ),
    "coinm_futures": (
        "dapi", "/dapi/v1/forceOrders", "time", 50, 20, (50, 100), "symbol", ("time", "updateTime"),
    ),
    "portfolio_um": (
        "papi", "/papi/v1/um/forceOrders", "time", 50, 20, (50, 100), "symbol", ("time", "updateTime"),
    ),
    "portfolio_cm": (
        "papi", "/papi/v1/cm/forceOrders", "time", 50, 20, (50, 100), "symbol", ("time", "updateTime"),
    ),
    "portfolio_margin": (
        "papi", "/papi/v1/margin/forceOrders", "number", 1, 1, (10, 100), None, ("updatedTime",),
    ),
    "margin": (
        "sapi", "/sapi/v1/margin/forceLiquidationRec", "number", 1, 1, (10, 100), "isolatedSymbol",
        ("updatedTime",),
    ),
    "margin_capital_flow": (
        "sapi", "/sapi/v1/margin/capital-flow", "time", 100, 100, (500, 1000), "symbol", ("timestamp",),
    ),
    "flexible_loan": (
        "sapi", "/sapi/v2/loan/flexible/liquidation/history", "number", 400, 400, (10, 100), None,
        ("liquidationStartingTime",),
    ),
}  # fmt: skip
#: family → production, demo, clock's path and family, header of the used weight, weight per minute
DOCUMENTED_FAMILIES = {
    "fapi": (
        "https://fapi.binance.com", "https://demo-fapi.binance.com", "/fapi/v1/time", "fapi",
        "X-MBX-USED-WEIGHT-1M", 2400,
    ),
    "dapi": (
        "https://dapi.binance.com", "https://demo-dapi.binance.com", "/dapi/v1/time", "dapi",
        "X-MBX-USED-WEIGHT-1M", 2400,
    ),
    "papi": (
        "https://papi.binance.com", None, "/fapi/v1/time", "fapi", "X-MBX-USED-WEIGHT-1M", 6000,
    ),
    "sapi": (
        "https://api.binance.com", None, "/api/v3/time", "sapi", "X-SAPI-USED-IP-WEIGHT-1M", 12_000,
    ),
}  # fmt: skip


@pytest.fixture(params=ENDPOINTS.values(), ids=ENDPOINTS.keys())
def endpoint(request):
    return request.param


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES.keys())
def family(request):
    return request.param


# --- every row ------------------------------------------------------------------------------------------


def test_the_table_holds_the_documented_endpoints_and_no_other():
    assert list(ENDPOINTS) == list(DOCUMENTED)


def test_a_row_says_what_the_exchange_documents(endpoint):
    assert DOCUMENTED[endpoint.name] == (
        endpoint.family.name,
        endpoint.path,
        endpoint.pager.by,
        endpoint.weight,
        endpoint.request_weight(symbol=True),
        (endpoint.pager.default_page_size, endpoint.pager.page_size),
        endpoint.symbols.parameter if endpoint.symbols else None,
        endpoint.kind.instants,
    )


def test_a_row_is_filed_under_its_own_name(endpoint):
    assert ENDPOINTS[endpoint.name] is endpoint
    assert get_endpoint(endpoint.name) is endpoint


def test_a_name_can_stand_in_object_keys_dag_ids_and_sql(endpoint):
    assert endpoint.name.isascii()
    assert endpoint.name.isidentifier()
    assert endpoint.name == endpoint.name.lower()


def test_titles_and_paths_and_names_are_each_unique():
    for attribute in ("name", "title", "path"):
        values = [getattr(endpoint, attribute) for endpoint in ENDPOINTS.values()]
        assert len(set(values)) == len(values)


def test_a_path_begins_with_its_familys_prefix(endpoint):
    assert re.match(f"/{endpoint.family.name}/v[12]/", endpoint.path)


def test_by_default_a_page_holds_fewer_rows_than_at_most(endpoint):
    assert 0 < endpoint.pager.default_page_size < endpoint.pager.page_size


def test_a_request_spans_strictly_less_than_is_documented(endpoint):
    assert 2 < endpoint.max_span_ms == endpoint.max_span_days * DAY_MS - 1


def test_only_orders_are_filtered_by_auto_close_type(endpoint):
    assert endpoint.takes_auto_close_type == (endpoint.kind is ORDER)


def test_the_operator_is_named_after_the_endpoint(endpoint):
    assert endpoint.operator_name.isidentifier()
    assert endpoint.operator_name.lower() == f"{endpoint.name.replace('_', '')}liquidationsoperator"


def test_what_identifies_places_and_restricts_a_row_is_among_its_documented_fields(endpoint):
    kind, restriction = endpoint.kind, endpoint.restriction
    named = {*(field.name for field in kind.key), *kind.instants}
    named |= {kind.symbol} - {None} | ({restriction.field} if restriction else set())
    assert named <= set(endpoint.fields)
    assert len(set(endpoint.fields)) == len(endpoint.fields)


def test_a_type_is_that_of_a_liquidation_or_of_another_row(endpoint):
    if endpoint.restriction:
        assert endpoint.restriction.liquidations
        assert not set(endpoint.restriction.liquidations) & set(endpoint.restriction.others)


def test_ids_can_be_followed_only_where_they_are_the_whole_key(endpoint):
    if endpoint.pager.id_parameter:
        assert [field.is_whole for field in endpoint.kind.key] == [True]


def test_retention_is_claimed_only_where_it_is_documented(endpoint):
    documented = {"coinm_futures": 90, "margin_capital_flow": 90}
    assert endpoint.retention_days == documented.get(endpoint.name)


def test_the_weight_depends_on_whether_a_symbol_is_named(endpoint):
    assert endpoint.request_weight(symbol=False) == endpoint.weight
    assert 0 < endpoint.request_weight(symbol=True) <= endpoint.weight


def test_a_single_request_fits_the_default_share_of_the_budget(endpoint):
    assert endpoint.weight <= endpoint.family.weight_limit * 0.5


def test_a_row_names_the_page_that_documents_it(endpoint):
    parts = urlsplit(endpoint.documentation)
    assert (parts.scheme, parts.netloc) == ("https", "developers.binance.com")
    assert parts.path.startswith("/docs/")
    assert (parts.query, parts.fragment) == ("", "")


def test_symbols_are_listed_by_a_family_of_the_table_or_not_at_all(endpoint):
    symbols = endpoint.symbols
    if symbols is None or symbols.listed_at is None:
        assert symbols is None or symbols.listed_by is None
    else:
        assert symbols.listed_by in FAMILIES
        assert symbols.listed_at == f"/{symbols.listed_by}/v1/exchangeInfo"


def test_one_full_millisecond_of_what_pages_by_time_can_be_divided_further(endpoint):
    if endpoint.is_by_time:
        assert endpoint.pager.id_parameter or (endpoint.symbols and endpoint.symbols.listed_at)


def test_only_portfolio_margin_has_a_caveat_and_it_names_where_the_missing_records_are(endpoint):
    if endpoint.name == "portfolio_margin":
        assert "Risk-Based Liquidation Adjustment" in endpoint.caveat
        assert "/sapi/v1/margin/capital-flow" in endpoint.caveat
    else:
        assert endpoint.caveat == ""


def test_a_row_cannot_be_changed(endpoint):
    with pytest.raises(dataclasses.FrozenInstanceError):
        endpoint.weight = 0


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        ENDPOINTS["other"] = None
    with pytest.raises(TypeError):
        FAMILIES["fapi"].origins["production"] = "https://example.com"


# --- families -------------------------------------------------------------------------------------------


def test_a_family_says_what_the_exchange_documents(family):
    assert DOCUMENTED_FAMILIES[family.name] == (
        family.origins["production"],
        family.origins.get("demo"),
        family.clock_path,
        family.clock_family,
        family.used_weight_header,
        family.weight_limit,
    )


def test_every_familys_clock_exists_and_belongs_to_its_clock_family(family):
    clock_family = FAMILIES[family.clock_family]
    assert clock_family.clock_path == family.clock_path
    assert clock_family.clock_family == clock_family.name


def test_the_borrowed_clock_is_reached_wherever_the_family_is(family):
    assert set(family.origins) <= set(FAMILIES[family.clock_family].origins)


def test_origins_are_https_and_nothing_but_origins(family):
    for origin in family.origins.values():
        parts = urlsplit(origin)
        assert parts.scheme == "https"
        assert parts.hostname.endswith(".binance.com")
        assert origin == f"https://{parts.hostname}"


def test_every_family_serves_an_endpoint(family):
    assert any(endpoint.family is family for endpoint in ENDPOINTS.values())


def test_usdm_and_coinm_futures_draw_on_one_budget():
    assert ENDPOINTS["usdm_futures"].weight_pool == ENDPOINTS["coinm_futures"].weight_pool


def test_the_portfolio_endpoints_draw_on_one_budget_that_is_not_that_of_the_futures():
    pools = {ENDPOINTS[name].weight_pool for name in DOCUMENTED if name.startswith("portfolio")}
    assert len(pools) == 1
    assert pools.isdisjoint({ENDPOINTS["usdm_futures"].weight_pool})


def test_a_sapi_endpoint_has_a_budget_of_its_own():
    pool = ENDPOINTS["margin"].weight_pool
    assert "margin" in pool
    assert pool not in {e.weight_pool for e in ENDPOINTS.values() if e.name != "margin"}


# --- looking up -----------------------------------------------------------------------------------------


def test_an_unknown_endpoint_is_refused_with_the_names_of_those_there_are():
    with pytest.raises(InvalidRequest, match="unknown endpoint 'spot'") as caught:
        get_endpoint("spot")
    assert str(caught.value) == f"unknown endpoint 'spot'; choose one of {', '.join(DOCUMENTED)}."


def test_the_auto_close_types_are_the_two_documented_ones():
    assert AUTO_CLOSE_TYPES == ("LIQUIDATION", "ADL")


@pytest.mark.parametrize("path", [values[1] for values in DOCUMENTED.values()])
def test_a_path_is_written_down_once_in_the_shipped_core(path):
    core = Path(__file__).resolve().parents[2] / "airflow_provider_binance_liq" / "core"
    homes = [file.name for file in core.glob("*.py") if f'"{path}"' in file.read_text(encoding="utf-8")]
    assert homes == ["endpoints.py"]


def test_the_longest_span_of_orders_is_one_millisecond_short_of_a_week():
    assert DAY_MS == 86_400_000
    assert {one.max_span_ms for one in ENDPOINTS.values() if one.kind is ORDER} == {604_799_999}


# --- kinds of rows --------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS, ids=[kind.name for kind in KINDS])
def kind(request):
    return request.param


def test_every_kind_is_the_kind_of_an_endpoint(kind):
    assert any(endpoint.kind is kind for endpoint in ENDPOINTS.values())


def test_a_kind_has_a_key_an_instant_and_a_table(kind):
    assert kind.key
    assert kind.instants
    assert re.fullmatch(r"binance_[a-z_]+", kind.table)
    assert len({field.column for field in kind.key}) == len(kind.key)


def test_a_field_of_a_key_is_called_by_its_own_name_in_lower_case():
    assert [field.column for field in ORDER.key] == ["symbol", "order_id"]


def test_a_symbol_is_a_filter_or_selects_an_isolated_account():
    assert {one.symbols.selects for one in ENDPOINTS.values() if one.symbols} == {"filter", "isolated"}
