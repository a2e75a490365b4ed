-- What the migrations build on: the schemas and tables that stood before the first of them, with a little data.
-- The container runs it once, on a new volume (compose.yml).

CREATE SCHEMA IF NOT EXISTS backtester;
CREATE SCHEMA IF NOT EXISTS market_data;

CREATE TABLE IF NOT EXISTS market_data.bot_subscribers (
    user_id VARCHAR(100) PRIMARY KEY,
    chat_id BIGINT UNIQUE NOT NULL,
    subscribed_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE TABLE IF NOT EXISTS market_data.candles (
    symbol VARCHAR(20) NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    open NUMERIC(18, 8) NOT NULL,
    high NUMERIC(18, 8) NOT NULL,
    low NUMERIC(18, 8) NOT NULL,
    close NUMERIC(18, 8) NOT NULL,
    volume NUMERIC(24, 8) NOT NULL,
    PRIMARY KEY (symbol, opened_at)
);

CREATE TABLE IF NOT EXISTS backtester.strategies (
    id SERIAL PRIMARY KEY,
    name VARCHAR(100) UNIQUE NOT NULL,
    description TEXT
);

CREATE TABLE IF NOT EXISTS backtester.trades (
    id BIGSERIAL PRIMARY KEY,
    strategy_id INTEGER NOT NULL REFERENCES backtester.strategies (id),
    symbol VARCHAR(20) NOT NULL,
    side CHAR(4) NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity NUMERIC(18, 8) NOT NULL,
    price NUMERIC(18, 8) NOT NULL,
    executed_at TIMESTAMPTZ NOT NULL
);

INSERT INTO market_data.bot_subscribers (user_id, chat_id)
VALUES ('anna', 1001), ('boris', 1002), ('wei', 1003)
ON CONFLICT DO NOTHING;

INSERT INTO backtester.strategies (name, description)
VALUES ('momentum', 'Buys what rises'), ('mean reversion', 'Buys what fell'), ('grid', 'Buys and sells in steps')
ON CONFLICT DO NOTHING;

INSERT INTO market_data.candles (symbol, opened_at, open, high, low, close, volume)
SELECT symbol, opened_at, price, price * 1.01, price * 0.99, price * 1.002, 10 + hour % 7
FROM (VALUES ('BTCUSDT', 60000), ('ETHUSDT', 3000)) AS market (symbol, base),
    generate_series(0, 167) AS hour,
    LATERAL (SELECT TIMESTAMPTZ '2024-12-01 00:00+00' + hour * INTERVAL '1 hour', base + hour % 24 * base / 1000) AS candle (opened_at, price)
ON CONFLICT DO NOTHING;

INSERT INTO backtester.trades (strategy_id, symbol, side, quantity, price, executed_at)
SELECT 1 + n % 3, 'BTCUSDT', CASE WHEN n % 2 = 0 THEN 'buy' ELSE 'sell' END, 0.01 * (1 + n % 5), 60000 + n * 3,
    TIMESTAMPTZ '2024-12-01 00:00+00' + n * INTERVAL '20 minutes'
FROM generate_series(1, 500) AS n
WHERE NOT EXISTS (SELECT 1 FROM backtester.trades);
