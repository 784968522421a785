@rem Wardround from this folder: installs what is missing at its first call, then runs the command under its own Node.
@node "%~dp0tooling\run.mjs" wardround %*
