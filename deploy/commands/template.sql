-- Migration: @TITLE@
-- Created: @DATE@
-- Description: @TITLE@
--
-- One transaction, together with its row in the ledger. It may be run twice, so keep what you need of this and delete the rest:

-- CREATE TABLE IF NOT EXISTS backtester.examples (
--     id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
--     name VARCHAR(100) NOT NULL,
--     created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
-- );

-- ALTER TABLE backtester.examples ADD COLUMN IF NOT EXISTS note TEXT;

-- On a table that is in use, without blocking it: in a file of its own
-- CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_examples_name ON backtester.examples (name);

-- DO $$
-- BEGIN
--     IF NOT EXISTS (
--         SELECT 1 FROM pg_constraint
--         WHERE conname = 'examples_name_not_empty' AND conrelid = 'backtester.examples'::regclass
--     ) THEN
--         ALTER TABLE backtester.examples ADD CONSTRAINT examples_name_not_empty CHECK (name <> '') NOT VALID;
--     END IF;
-- END $$;

-- INSERT INTO backtester.examples (name) VALUES ('first') ON CONFLICT DO NOTHING;

SELECT 'Migration @NUMBER@ completed: @QUOTED@' AS status;
