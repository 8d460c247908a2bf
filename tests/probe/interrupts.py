"""A person who presses Ctrl-C in the course of a probe."""

from __future__ import annotations

from airflow_provider_binance_liq.exchange.transport import Transport


def interrupt(monkeypatch, number):
    """Press Ctrl-C while the request of a number is answered."""
    get, sent = Transport.get, []

    def answered(transport, *words):
        sent.append(words)
        if len(sent) == number:
            raise KeyboardInterrupt
        return get(transport, *words)

    monkeypatch.setattr(Transport, "get", answered)
