-- Migration: Add user preferences
-- Created: 2024-12-21
-- Description: Add user_preferences table with notification settings

-- Create table
CREATE TABLE IF NOT EXISTS backtester.user_preferences (
    id SERIAL PRIMARY KEY,
    user_id VARCHAR(100) UNIQUE NOT NULL,
    notification_email VARCHAR(255),
    theme VARCHAR(20) DEFAULT 'light',
    timezone VARCHAR(50) DEFAULT 'UTC',
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW()
);

-- Create indexes
CREATE INDEX IF NOT EXISTS idx_user_prefs_user_id
ON backtester.user_preferences (user_id);

-- Add foreign key if needed
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_constraint
        WHERE conname = 'fk_user_prefs_user'
        AND conrelid = 'backtester.user_preferences'::regclass
    ) THEN
        ALTER TABLE backtester.user_preferences
        ADD CONSTRAINT fk_user_prefs_user
        FOREIGN KEY (user_id)
        REFERENCES market_data.bot_subscribers (user_id);
    END IF;
END $$;

-- Success message
SELECT 'Migration 002 completed: user_preferences table added' AS status;
