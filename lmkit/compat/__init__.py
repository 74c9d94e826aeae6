"""Stand-ins for other toolkits' Python modules, so that programs written for those run on lmkit by changing an import."""
