"""The command line of lmkit: `lmkit_cli.app.main`. One file a command, loaded when the command is called."""
