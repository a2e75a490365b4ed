-- Let nobody in, not even superusers. Variable: live.
ALTER DATABASE :"live" WITH ALLOW_CONNECTIONS false;
