-- A database of about :megabytes MB, indexes included, of the kind that the guide's project has: prices in time, orders, users, notes.
-- The numbers are pseudo-random, so that they compress as prices do, and the same in every run.
\set rows :megabytes '* 3000'
CREATE SCHEMA market_data;
CREATE SCHEMA backtester;
CREATE TABLE market_data.candles (
    id bigint PRIMARY KEY,
    symbol varchar(20) NOT NULL,
    opened_at timestamptz NOT NULL,
    open numeric(18, 8) NOT NULL,
    high numeric(18, 8) NOT NULL,
    low numeric(18, 8) NOT NULL,
    close numeric(18, 8) NOT NULL,
    volume numeric(24, 8) NOT NULL
);
CREATE TABLE backtester.orders (
    id bigint PRIMARY KEY,
    user_id int NOT NULL,
    symbol varchar(20) NOT NULL,
    side text NOT NULL,
    price double precision NOT NULL,
    quantity int NOT NULL,
    placed_at timestamptz NOT NULL,
    note text
);
CREATE TABLE backtester.users (id int PRIMARY KEY, email text NOT NULL UNIQUE, settings jsonb NOT NULL);
SELECT setseed(0.42);
INSERT INTO market_data.candles
SELECT n, (ARRAY['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'])[1 + n % 4], timestamptz '2020-01-01 UTC' + n * interval '15 s',
  100 + random() * 50, 150 + random() * 50, 50 + random() * 50, 100 + random() * 50, random() * 1e6
FROM generate_series(1, :rows) AS n;
INSERT INTO backtester.orders
SELECT n, n % 5000, (ARRAY['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'XRPUSDT'])[1 + n % 4], (ARRAY['buy', 'sell'])[1 + n % 2],
  100 + random() * 50, 1 + n % 100, timestamptz '2022-01-01 UTC' + n * interval '1 min', CASE WHEN n % 3 = 0 THEN md5(n::text) END
FROM generate_series(1, :rows * 3 / 2) AS n;
INSERT INTO backtester.users
SELECT n, 'user' || n || '@example.com', jsonb_build_object('theme', 'light', 'language', 'en', 'limits', jsonb_build_array(n, n * 2))
FROM generate_series(1, :rows / 20 + 1) AS n;
CREATE INDEX candles_symbol_opened_at ON market_data.candles (symbol, opened_at);
CREATE INDEX orders_user_id ON backtester.orders (user_id);
ANALYZE;
