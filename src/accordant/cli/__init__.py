"""The command line. `main` names the commands; each command has a file of its own, loaded when it is called."""
