from portico_cli.main import run

run()
