-- Let connections in again. Variable: live.
ALTER DATABASE :"live" WITH ALLOW_CONNECTIONS true;
