"""The admins' console at `/admin`: one page that tells how things stand. Admins are doctors, so it speaks Japanese."""
